"""SageMaker's API of pipeline executions over Airflow's DAG runs; runs in Airflow's API server."""
