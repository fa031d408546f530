"""The service's rules as pure functions: no Airflow, no AWS, no clock of their own."""
