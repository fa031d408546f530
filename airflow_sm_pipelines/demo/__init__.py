"""The examples, run on a real Airflow and a local AWS, both of which are started for it."""
