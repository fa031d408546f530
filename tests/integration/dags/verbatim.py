"""Text that Jinja, a shell or a template loader would change (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("verbatim.json", deferrable=False, poll_interval=1)
