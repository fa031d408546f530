"""What steps publish through XCom, and how later steps read it; runs in the worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.airflow_internals.worker import pull_xcom, push_xcom
from airflow_sm_pipelines.semantics.failure_messages import without_log_lines
from airflow_sm_pipelines.semantics.readiness import StepStatus

if TYPE_CHECKING:
    from airflow.sdk import Context

PROPERTIES_KEY = "return_value"
"""A step's properties are its task's return value, so that any task can ``xcom_pull`` them."""

STATUS_KEY = "sm_pipelines_status"
"""How a failed step ended; Airflow does not distinguish ``Failed`` from ``Stopped``."""

FAILURE_KEY = "sm_pipelines_failure"
"""Why a step failed; ListPipelineExecutionSteps and the result of a ForEach name it, and neither can read its log."""

COMPLETED_WITH_FAILURES_KEY = "sm_pipelines_completed_with_failures"
"""Names of the failed steps of a run, if each of them was waited for."""

ATTEMPT_KEY = "sm_pipelines_attempt"
"""Name of the task's present attempt. Airflow removes it when a try starts, and keeps it over a deferral. Unlike the
attempt record, triggers and other tasks can read it."""

TRIAL_KEY = "sm_pipelines_trial"
"""Names of experiment and trial, of a step that has created them or found that they exist."""

CACHE_KEY = "sm_pipelines_cache"
"""Whether a step that may reuse results has done so: ``{"outcome": "hit", "run_id": …, "resource": …}``, or
``{"outcome": "miss", "because": …}``. Absent from all other tasks."""

CONDITION_KEY = "sm_pipelines_condition"
"""What a Condition has compared, in the form of `airflow_sm_pipelines.semantics.condition_record`; for people."""

DIGEST_KEY = "sm_pipelines_definition"
"""sha256 of the definition that the run started with, of a step without a predecessor."""

CHANGE_KEY = "sm_pipelines_definition_change"
"""Both digests, of a step that runs another definition than its run started with."""

SELECTION_KEY = "sm_pipelines_selection"
"""In a run that executes only selected steps: the role of the task's step, and the run that it is reused from."""


def own_map_index(context: Context) -> int:
    """Return the map index of the running task, ``-1`` if it is not mapped."""
    index: int | None = context["ti"].map_index
    return -1 if index is None else index


def publish_properties(context: Context, properties: JsonObject) -> None:
    """Publish a step's properties before its task ends, so that later steps can read them whatever happens next."""
    push_xcom(context, PROPERTIES_KEY, properties)


def publish_status(context: Context, status: StepStatus) -> None:
    """Publish how a step that did not succeed has ended."""
    push_xcom(context, STATUS_KEY, str(status))


def publish_attempt(context: Context, name: str) -> None:
    """Publish what the task owns from now on: the name of its attempt, before anything is created under it."""
    push_xcom(context, ATTEMPT_KEY, name)


def publish_trial(context: Context, names: tuple[str, str]) -> None:
    """Publish that the experiment and the trial of these names exist."""
    push_xcom(context, TRIAL_KEY, [*names])


def publish_failed_steps(context: Context, steps: list[str]) -> None:
    """Publish the failed steps of a run that has completed with failures."""
    push_xcom(context, COMPLETED_WITH_FAILURES_KEY, [*steps])


def publish_cache_hit(context: Context, run_id: str, resource: str) -> None:
    """Publish that the step has the result of an earlier run.

    Args:
        context: Airflow's task context.
        run_id: The DAG run that computed it.
        resource: The AWS resource that holds it; empty if there is none.
    """
    push_xcom(context, CACHE_KEY, {"outcome": "hit", "run_id": run_id, "resource": resource})


def publish_cache_miss(context: Context, because: str) -> None:
    """Publish why the step could not reuse a result."""
    push_xcom(context, CACHE_KEY, {"outcome": "miss", "because": because})


def publish_condition(context: Context, record: JsonObject) -> None:
    """Publish what a Condition has compared, and with what outcome."""
    push_xcom(context, CONDITION_KEY, record)


def publish_digest(context: Context, digest: str) -> None:
    """Publish the digest of the definition that the run started with."""
    push_xcom(context, DIGEST_KEY, digest)


def publish_change(context: Context, at_start: str, now: str) -> None:
    """Publish that a step runs another definition than its run started with."""
    push_xcom(context, CHANGE_KEY, {"RunStartedWith": at_start, "StepRuns": now})


@contextmanager
def failure_published(context: Context) -> Iterator[None]:
    """Publish the reason of a step's error, whole, and let the error pass."""
    try:
        yield
    except StepError as error:
        push_xcom(context, FAILURE_KEY, without_log_lines(error.message))
        raise


def read_properties(context: Context, task_id: str, map_index: int = -1) -> Json:
    """Return the properties that a task of this run published, ``None`` if there are none."""
    return pull_xcom(context, task_id, PROPERTIES_KEY, map_index)


def read_status(context: Context, task_id: str, map_index: int = -1) -> StepStatus | None:
    """Return how a failed task of this run ended, ``None`` if it has not published that."""
    status = pull_xcom(context, task_id, STATUS_KEY, map_index)
    return None if status is None else StepStatus(str(status))


def read_failure(context: Context, task_id: str, map_index: int = -1) -> str:
    """Return why a task of this run failed, empty if it has not published that."""
    return str(pull_xcom(context, task_id, FAILURE_KEY, map_index) or "")


def read_trial(context: Context, task_id: str, map_index: int = -1) -> tuple[Json, ...] | None:
    """Return the names of experiment and trial that a task of this run has found or created, ``None`` if none."""
    names = pull_xcom(context, task_id, TRIAL_KEY, map_index)
    return tuple(names) if isinstance(names, list) else None


def read_digest(context: Context, task_id: str) -> str | None:
    """Return the digest that a first step of this run has published, ``None`` if it has published none."""
    digest = pull_xcom(context, task_id, DIGEST_KEY, -1)
    return None if digest is None else str(digest)
