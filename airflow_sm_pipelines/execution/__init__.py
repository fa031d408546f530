"""A step in a running Airflow task: the only room that knows APIs which exist only since Airflow 3.3."""
