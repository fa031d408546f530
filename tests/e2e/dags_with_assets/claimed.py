"""A pipeline whose asset another DAG claims under a name of its own."""

from features import REGISTER

from airflow_sm_pipelines import pipeline_dag

step = {**REGISTER, "DependsOn": []}
step["Arguments"] = {**REGISTER["Arguments"], "ModelPackageGroupName": "claimed"}
dag = pipeline_dag({"Version": "2020-12-01", "Steps": [step]}, dag_id="claimed")
