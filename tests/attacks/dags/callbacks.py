"""Steps that wait for an answer: one that needs values, one that a form without values answers."""

from steps import callback, pipeline

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

VALUES = {"approved": "Boolean", "rows": "Integer", "where": "String"}

values = pipeline_dag(pipeline(callback(VALUES)), dag_id="ask_values", poll_interval=2)
values.get_task("Ask").waiting = Waiting(poll_interval=2, settle=1)

boolean = pipeline_dag(pipeline(callback({"approved": "Boolean"})), dag_id="ask_boolean", poll_interval=2)
boolean.get_task("Ask").waiting = Waiting(poll_interval=2, settle=1)
