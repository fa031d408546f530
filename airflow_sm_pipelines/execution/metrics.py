"""The metrics of steps, for Airflow's own statistics; emitted by the worker.

Names follow Airflow's own: a component, a dot, words in snake case; what varies is in tags. How a job has ended is part
of the name: plain StatsD has no tags, and an alert needs to know. Without a receiver, a metric takes some microseconds.

They count what processes have seen: a worker that dies between AWS's answer and the metric leaves that one out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.execution.airflow_internals.statistics import count, tell_duration

if TYPE_CHECKING:
    from airflow.sdk import Context

_ENDED = {Outcome.SUCCEEDED: "jobs_succeeded", Outcome.FAILED: "jobs_failed", Outcome.STOPPED: "jobs_stopped"}


def count_created(context: Context, step_type: str) -> None:
    """Count a job that a step has created."""
    count("sm_pipelines.jobs_created", _tags(context, step_type))


def count_ended(context: Context, step_type: str, outcome: Outcome, took: timedelta) -> None:
    """Count a job that has ended.

    Args:
        context: Airflow's task context.
        step_type: ``Type`` of the step.
        outcome: How it has ended.
        took: The time since its creation.
    """
    tags = _tags(context, step_type)
    count(f"sm_pipelines.{_ENDED[outcome]}", tags)
    tell_duration("sm_pipelines.job_duration", took, tags)


def count_retry(context: Context, step_type: str, error: Exception) -> None:
    """Count a failed try that another one follows.

    Args:
        context: Airflow's task context.
        step_type: ``Type`` of the step.
        error: Why it has failed: counted by its retry exception type, else by its class.
    """
    exception_type = getattr(error, "exception_type", None) or type(error).__name__
    count("sm_pipelines.retries", {**_tags(context, step_type), "exception_type": exception_type})


def count_cache(context: Context, step_type: str, *, hit: bool) -> None:
    """Count a step that may have the result of an earlier run: whether it has.

    Args:
        context: Airflow's task context.
        step_type: ``Type`` of the step.
        hit: It has.
    """
    count("sm_pipelines.cache_hits" if hit else "sm_pipelines.cache_misses", _tags(context, step_type))


def _tags(context: Context, step_type: str) -> dict[str, str]:
    return {"dag_id": context["ti"].dag_id, "step_type": step_type}
