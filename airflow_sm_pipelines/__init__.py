"""Run Amazon SageMaker pipeline definitions as Apache Airflow DAGs.

Two lines beside an exported definition make a DAG::

    from airflow_sm_pipelines import pipeline_dag

    dag = pipeline_dag("abalone.json", schedule="@daily")

Names are imported on first use: a DAG file pays for what it needs, and the ``sm-pipelines`` command for nothing
of Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airflow_sm_pipelines.definition.loading import load_pipeline
    from airflow_sm_pipelines.execution.run_conf import build_run_conf
    from airflow_sm_pipelines.rehearsal.rehearsals import Rehearsals, rehearse
    from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import PipelineSchedule
    from airflow_sm_pipelines.translation.event_starts import start_on_events_dag
    from airflow_sm_pipelines.translation.folder import load_pipelines
    from airflow_sm_pipelines.translation.maintenance import stop_orphans_dag
    from airflow_sm_pipelines.translation.translator import pipeline_dag, pipeline_task_group

__all__ = [
    "PipelineSchedule",
    "Rehearsals",
    "build_run_conf",
    "load_pipeline",
    "load_pipelines",
    "pipeline_dag",
    "pipeline_task_group",
    "rehearse",
    "start_on_events_dag",
    "stop_orphans_dag",
]

_HOME = {
    "PipelineSchedule": "airflow_sm_pipelines.semantics.schedules.pipeline_schedule",
    "Rehearsals": "airflow_sm_pipelines.rehearsal.rehearsals",
    "build_run_conf": "airflow_sm_pipelines.execution.run_conf",
    "load_pipeline": "airflow_sm_pipelines.definition.loading",
    "load_pipelines": "airflow_sm_pipelines.translation.folder",
    "pipeline_dag": "airflow_sm_pipelines.translation.translator",
    "pipeline_task_group": "airflow_sm_pipelines.translation.translator",
    "rehearse": "airflow_sm_pipelines.rehearsal.rehearsals",
    "start_on_events_dag": "airflow_sm_pipelines.translation.event_starts",
    "stop_orphans_dag": "airflow_sm_pipelines.translation.maintenance",
}


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
