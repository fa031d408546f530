"""One step whose job takes longer than execution_timeout."""

from datetime import timedelta

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

dag = pipeline_dag(
    definition(step("Work", {"Get": "Parameters.Seconds"})),
    dag_id="limited",
    poll_interval=2,
    default_args={"execution_timeout": timedelta(seconds=14)},
)
dag.get_task("Work").waiting = Waiting(poll_interval=2, settle=1)
