"""The runs of a DAG, and the tasks of one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.executions.statuses import description, is_stopped, moment
from airflow_sm_pipelines.pipeline_page.graph import task_in_words
from airflow_sm_pipelines.pipeline_page.viewer import Viewer

MOST_RUNS = 25
"""How many runs the page offers: a quarter of the most that Airflow returns at once."""

_STATES = {
    "success": "Succeeded",
    "failed": "Failed",
    "running": "Executing",
    "deferred": "Executing",
    "queued": "Starting",
    "scheduled": "Starting",
    "restarting": "Starting",
    "up_for_retry": "Retrying",
    "up_for_reschedule": "Retrying",
    "awaiting_input": "Waiting for an answer",
    "skipped": "Skipped",
    "upstream_failed": "Not run",
    "removed": "Removed",
    None: "Not started",
}
"""The states of Airflow in the words of Studio, where it has one."""


async def runs_report(viewer: Viewer, dag_id: str) -> JsonObject:
    """Return the last runs of a DAG, the newest first.

    Args:
        viewer: Who asks.
        dag_id: The DAG.

    Raises:
        RefusedRequestError: There is no such DAG, or the viewer may not read its runs.
    """
    found = await viewer.get("dags", dag_id, "dagRuns", limit=MOST_RUNS, order_by="-run_after", cursor="")
    return {"runs": [run_in_words(run) for run in found["dag_runs"]]}


async def run_report(viewer: Viewer, dag_id: str, run_id: str) -> JsonObject:
    """Return a run and its tasks.

    Args:
        viewer: Who asks.
        dag_id: The DAG.
        run_id: The run.

    Raises:
        RefusedRequestError: There is no such run, or the viewer may not read it.
    """
    run = await viewer.get("dags", dag_id, "dagRuns", run_id)
    tasks = await viewer.all("task_instances", "dags", dag_id, "dagRuns", run_id, "taskInstances")
    return {"run": run_in_words(run), "tasks": [_task(task) for task in tasks]}


def run_in_words(run: Mapping[str, Any]) -> JsonObject:
    """Return what the page says of a run, as Airflow's API describes it."""
    return {
        "id": str(run["dag_run_id"]),
        "state": "Stopped" if is_stopped(run) else _STATES.get(run["state"], str(run["state"])),
        "ended": run["state"] in ("success", "failed"),
        "after": run["run_after"],
        "start": run["start_date"],
        "end": run["end_date"],
        "seconds": seconds_between(run["start_date"], run["end_date"]),
        "conf": run["conf"] or {},
        "note": description(run["note"]),
    }


def _task(task: Mapping[str, Any]) -> JsonObject:
    return {
        "task": str(task["task_id"]),
        "index": task["map_index"],
        **task_in_words(task, str(task["operator"])),
        "state": _STATES.get(task["state"], str(task["state"])),
        "tries": task["try_number"],
        "start": task["start_date"],
        "seconds": seconds_between(task["start_date"], task["end_date"]),
    }


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return the seconds between two times of Airflow's API, ``None`` if one is missing."""
    since, until = _moment(start), _moment(end)
    return None if since is None or until is None else max((until - since).total_seconds(), 0.0)


def _moment(text: str | None) -> datetime | None:
    return moment(re.sub(r"Z$", "+00:00", text)) if text else None
