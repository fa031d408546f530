"""One step whose job takes long, deferred early: for what happens to a task that waits."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

dag = pipeline_dag(definition(step("Work", {"Get": "Parameters.Seconds"})), dag_id="long_job", poll_interval=2)
dag.get_task("Work").waiting = Waiting(poll_interval=2, settle=1)
