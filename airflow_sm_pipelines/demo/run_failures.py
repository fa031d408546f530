"""Why a run failed, from the logs of its failed tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sm_pipelines.demo.airflow_api import AirflowApi
from airflow_sm_pipelines.demo.step_progress import progress_name

_LAST_EVENTS = 10


def run_failures(api: AirflowApi, dag_id: str, run_id: str) -> list[str]:
    """Return the reason of each failed task of a run.

    Tasks that did not run because another one failed (``upstream_failed``) have no reason of their own.

    Raises:
        airflow_sm_pipelines.demo.airflow_api.AirflowApiError: Airflow refused a request.
    """
    return [
        failure_reason(
            progress_name(task),
            api.task_log(dag_id, run_id, task["task_id"], task["try_number"], task.get("map_index", -1)),
        )
        for task in api.task_instances(dag_id, run_id)
        if task["state"] == "failed"
    ]


def failure_reason(task_id: str, log: Sequence[Mapping[str, Any]]) -> str:
    """Return the message of the exception that ended a task, or the end of its log if there was none.

    A step's message names the step and its reason, and ends with the last lines of its job's log.

    Args:
        task_id: The task.
        log: The events of its log, as Airflow's REST API returns them.
    """
    for event in reversed(log):
        chain = event.get("error_detail")
        if chain:  # the exception that ended the task first, then its causes
            return str(chain[0]["exc_value"])
    last = [str(event.get("event", "")) for event in log if not str(event.get("event", "")).startswith("::")]
    lines = "\n".join(f"    {line}" for line in last[-_LAST_EVENTS:])
    return (
        f"Task {task_id} ended without an exception, e.g. because its process was killed. Its log ends with:\n{lines}"
    )
