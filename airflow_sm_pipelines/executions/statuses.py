"""What the states of Airflow's runs and tasks mean in the words of SageMaker's API.

Pure functions over what Airflow's REST API says of a run and of its tasks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_sm_pipelines.semantics.readiness import StepStatus

EXECUTING, SUCCEEDED, FAILED, STOPPED = "Executing", "Succeeded", "Failed", "Stopped"
COMPLETED_WITH_FAILURES = "CompletedWithFailures"
STARTING = "Starting"

_STATUS_OF_RUN = {"queued": EXECUTING, "running": EXECUTING, "success": SUCCEEDED, "failed": FAILED}
_STATUS_OF_TASK = {
    "success": SUCCEEDED,
    "failed": FAILED,
    "queued": STARTING,
    "scheduled": STARTING,
    "restarting": STARTING,
}
_NEVER_STARTED = frozenset({None, "skipped", "upstream_failed", "removed"})

# Airflow has one state for runs that failed and runs that were stopped. The run's note tells them apart, to people too.
_STOP_NOTE = "Stopped through StopPipelineExecution at {}"
_STOP_PATTERN = re.compile(r"\n?Stopped through StopPipelineExecution at (?P<time>\S+)$")
_STOP_TAKES = timedelta(seconds=60)


def execution_status(run: Mapping[str, Any], *, completed_with_failures: bool) -> str:
    """Return the ``PipelineExecutionStatus`` of a run.

    Args:
        run: The run, as Airflow's API describes it.
        completed_with_failures: Whether its task ``pipeline_status`` has found that every failure was waited for.
    """
    if is_stopped(run):
        return STOPPED
    status = _STATUS_OF_RUN[run["state"]]
    return COMPLETED_WITH_FAILURES if status != EXECUTING and completed_with_failures else status


def has_started(task: Mapping[str, Any]) -> bool:
    """Tell whether the service would list a task's step: steps that never started, or were skipped, it does not."""
    return task["state"] not in _NEVER_STARTED


def step_status(task: Mapping[str, Any], run: Mapping[str, Any], published: StepStatus | None) -> str:
    """Return the ``StepStatus`` of a task.

    Args:
        task: The task instance, as Airflow's API describes it.
        run: Its run.
        published: How the step ended, if its worker has said so.
    """
    status = _STATUS_OF_TASK.get(task["state"], EXECUTING)
    if status == SUCCEEDED and published in (StepStatus.FAILED, StepStatus.STOPPED):
        return str(published)  # reused from an execution in which it ended so
    if status == FAILED and (published is StepStatus.STOPPED or _was_stopped_with(run, task)):
        return STOPPED
    if status == STARTING and task["try_number"] > 1:
        return EXECUTING  # between two attempts
    return status


# -- stopping ----------------------------------------------------------------------------------------------------------


def note_of_stop(note: str | None, now: datetime) -> str:
    """Return the note of a run that is being stopped.

    Args:
        note: Its present note.
        now: The present time.
    """
    return "\n".join(filter(None, (description(note), _STOP_NOTE.format(now.isoformat(timespec="seconds")))))


def description(note: str | None) -> str:
    """Return a run's note without what stopping it has added."""
    return _STOP_PATTERN.sub("", note or "")


def is_stopped(run: Mapping[str, Any]) -> bool:
    """Tell whether a run ended because it was stopped; a run that was started again since, and failed, did not."""
    stopped_at = _stopped_at(run)
    ended = moment(run["end_date"])
    return run["state"] == "failed" and bool(stopped_at and ended and abs(ended - stopped_at) < _STOP_TAKES)


def _stopped_at(run: Mapping[str, Any]) -> datetime | None:
    found = _STOP_PATTERN.search(run["note"] or "")
    return moment(found["time"]) if found else None


def _was_stopped_with(run: Mapping[str, Any], task: Mapping[str, Any]) -> bool:
    stopped_at, ended = _stopped_at(run), moment(task["end_date"])
    return is_stopped(run) and bool(stopped_at and ended and ended >= stopped_at)


def moment(text: str | None) -> datetime | None:
    """Return a time from Airflow's text, ``None`` if there is none."""
    return datetime.fromisoformat(text) if text else None


def timestamp(text: str | None) -> float | None:
    """Return a time as the protocol has it: seconds since 1970."""
    found = moment(text)
    return found.timestamp() if found else None
