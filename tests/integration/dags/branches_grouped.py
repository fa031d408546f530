"""The same as branches.py, with its steps in task groups (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("branches.json", dag_id="branches_grouped", group_steps_by="branch")
