"""A whole run of a definition through Airflow in seconds, without its code, its data or AWS."""
