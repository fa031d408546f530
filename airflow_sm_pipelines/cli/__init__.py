"""The command ``sm-pipelines``: it works on definitions, and imports nothing of Airflow for that."""
