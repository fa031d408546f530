"""Pipelines whose definitions somebody edits: ``edited.json`` holds the step of each as ``{DAG: [name, type]}``."""

import json
from pathlib import Path

from steps import pipeline, sleeping

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

for dag_id, edited in json.loads(Path(__file__).with_name("edited.json").read_text()).items():
    steps = [sleeping("Other"), *([sleeping(*edited)] if edited else [])]
    dag = globals()[dag_id] = pipeline_dag(pipeline(*steps), dag_id=dag_id, poll_interval=2)
    for task in dag.tasks:
        task.waiting = Waiting(poll_interval=2, settle=1)
