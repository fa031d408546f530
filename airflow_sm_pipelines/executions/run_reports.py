"""The reports of `runs`, `steps`, `start` and `stop`: what these commands print with ``--format json``."""

from __future__ import annotations

from airflow_sm_pipelines.preview.reports import Report


class RunLine(Report):
    """A run of a DAG."""

    dag_id: str
    run_id: str
    state: str
    """`queued`, `running`, `success` or `failed`."""
    start: str | None
    """When it began, ISO 8601; null if it has not."""
    end: str | None
    """When it ended, ISO 8601; null if it has not."""
    started_by: str | None
    """The user who started it; null if no person did."""


class StepLine(Report):
    """A step of a run; of a step in the body of a ForEach, one iteration."""

    step: str
    """Its name; in a task group with the group's id, in a ForEach with the number of the iteration."""
    type: str
    """Type of the step, such as `Training`."""
    state: str | None
    """State of its Airflow task, such as `running`, `deferred` or `success`; null before it is scheduled."""
    job: str | None
    """Name of the AWS job of its present attempt; null if it has none."""
    attempts: int
    """How many tries its task has had."""
    seconds: float | None
    """From its start to its end, or until now; null if it has not begun."""
    cache_hit: str | None
    """The run whose result it reuses; null if it has run itself."""
    reason: str | None
    """Why it failed; null if it did not."""


class RunSteps(Report):
    """A run and its steps."""

    run: RunLine
    steps: list[StepLine]
