"""A chain whose definition a test edits while it runs."""

import os
from pathlib import Path

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(Path(os.environ["SM_E2E_DEFINITIONS"]) / "edited.json", poll_interval=1)
