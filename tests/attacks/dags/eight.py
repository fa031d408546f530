"""Eight jobs at once: deferred early, and, without deferral, waited for in the worker."""

from steps import pipeline, sleeping

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

STEPS = [sleeping(f"Step{number}", "Training" if number % 2 else "Processing") for number in range(8)]

deferred = pipeline_dag(pipeline(*STEPS), dag_id="eight", poll_interval=2)
for task in deferred.tasks:
    task.waiting = Waiting(poll_interval=2, settle=1)

in_worker = pipeline_dag(pipeline(*STEPS), dag_id="eight_in_worker", deferrable=False, poll_interval=2)
