"""The permissions that a definition needs: of the principal of the Airflow connection, and of the roles of its jobs."""
