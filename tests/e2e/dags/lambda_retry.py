"""One Lambda step that invokes again after a crash; the run says how long the function takes."""

from calling_step import definition

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(definition(), dag_id="lambda_retry")
