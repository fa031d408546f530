"""The example of the demo, waiting in the worker (an Airflow dag)."""

from pathlib import Path

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(Path(__file__).parents[3] / "dags" / "diabetes.json", deferrable=False, poll_interval=1)
