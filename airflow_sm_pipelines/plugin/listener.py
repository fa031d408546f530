"""What Airflow tells every plugin: that a process starts, and that a person has ended a task.

Airflow calls these functions in all of its processes, also in those of tasks, whose own ends they are told of too. So
they look first, by what is loaded already, whether they are meant.
"""

from __future__ import annotations

import sys
from typing import Any

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.execution.airflow_internals.listening import hookimpl


@hookimpl
def on_starting(component: Any) -> None:
    """Register the installation, in a process that has the database: scheduler, triggerer or DAG processor."""
    if _is_instance(component, "airflow.jobs.job", "Job"):
        from airflow_sm_pipelines.execution.installation import register_installation

        register_installation()


@hookimpl
def on_task_instance_success(task_instance: Any) -> None:
    """Stop the job of a task that was marked successful; in the API server."""
    _stop_job(task_instance)


@hookimpl
def on_task_instance_failed(task_instance: Any) -> None:
    """Stop the job of a task that was marked failed, or whose last try was lost; in the API server or scheduler."""
    _stop_job(task_instance)


@hookimpl
def on_task_instance_skipped(task_instance: Any) -> None:
    """Stop the job of a task that was marked skipped; in the API server."""
    _stop_job(task_instance)


def _stop_job(task_instance: Any) -> None:
    # In the process of a task it is another class: that task has ended by itself.
    if not _is_instance(task_instance, "airflow.models.taskinstance", "TaskInstance"):
        return
    if task_instance.operator in {row.operator_class().__name__ for row in CATALOG.values()}:
        from airflow_sm_pipelines.execution.marked_tasks import stop_job_of_marked_task

        stop_job_of_marked_task(task_instance)


def _is_instance(value: object, module: str, name: str) -> bool:
    """Tell whether a value is of a class whose module takes long to import, and which need not be imported for this."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))
