"""Forty independent steps, of which three may be in progress; every fifth has a job that outlasts its worker."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

LONG = range(0, 40, 5)

dag = pipeline_dag(
    definition(*(step(f"Work{number:02}", 12 if number in LONG else 2) for number in range(40))),
    dag_id="parallel",
    max_parallel_steps=3,
    poll_interval=1,
)
for number in LONG:
    dag.get_task(f"Work{number:02}").waiting = Waiting(poll_interval=1, settle=1)
