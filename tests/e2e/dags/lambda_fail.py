"""One Lambda step that never invokes twice by itself, although its task may be retried."""

from calling_step import definition

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(definition(), dag_id="lambda_fail", overrides={"Lambda": {"on_unknown": "fail", "retries": 2}})
