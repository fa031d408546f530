"""One job, deferred early."""

from steps import pipeline, sleeping

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

dag = pipeline_dag(pipeline(sleeping("Work")), dag_id="one", poll_interval=2)
dag.get_task("Work").waiting = Waiting(poll_interval=2, settle=1)
