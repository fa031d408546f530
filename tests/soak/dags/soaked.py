"""The soaked pipeline; ``edits.json`` says how somebody has edited it."""

import json
from pathlib import Path

from steps import definition

from airflow_sm_pipelines import pipeline_dag

edits = json.loads(Path(__file__).with_name("edits.json").read_text())
KINDS = ("Processing", "Training", "Tuning", "AutoML", "Transform", "EMR", "EMRServerless")
WAITED_FOR = ("Retried", "Serverless", "Train", "Chosen", "Each-First")

# Half of the steps wait in the worker for as long as usual, half are deferred early.
dag = pipeline_dag(
    definition(**edits),
    dag_id="soaked",
    poll_interval=3,
    overrides={
        **{kind: {"settle": 1} for kind in KINDS},
        **{name: {"settle": 10} for name in WAITED_FOR},
    },
)
