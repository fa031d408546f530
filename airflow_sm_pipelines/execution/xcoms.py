"""What steps publish through XCom, and how later steps read it; runs in the worker."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.semantics.readiness import StepStatus

PROPERTIES_KEY = "return_value"
"""A step's properties are its task's return value, so that any task can ``xcom_pull`` them."""

STATUS_KEY = "sm_pipelines_status"
"""How a step that failed ended; Airflow knows no difference between ``Failed`` and ``Stopped``."""


def publish_properties(context: Any, properties: dict[str, Any]) -> None:
    """Publish a step's properties before its task ends, for steps that read them whatever happens next."""
    context["ti"].xcom_push(key=PROPERTIES_KEY, value=properties)


def publish_status(context: Any, status: StepStatus) -> None:
    """Publish how a step ended that did not succeed."""
    context["ti"].xcom_push(key=STATUS_KEY, value=str(status))


def read_properties(context: Any, task_id: str) -> Any:
    """Return the properties that a task of this run published, ``None`` if there are none."""
    return _read(context, task_id, PROPERTIES_KEY)


def read_status(context: Any, task_id: str) -> StepStatus | None:
    """Return how a task of this run ended that did not succeed, ``None`` if it did not say."""
    status = _read(context, task_id, STATUS_KEY)
    return None if status is None else StepStatus(status)


def _read(context: Any, task_id: str, key: str) -> Any:
    ti = context["ti"]
    return ti.xcom_pull(task_ids=task_id, key=key, map_indexes=-1)
