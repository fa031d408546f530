"""The job that an attempt record names, when the step that created it is not there any more.

A definition may be edited while a task waits: its step is removed, renamed, or of another type now. The record says
which job there is and how to reach it, whatever the definition says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.errors import AwsCallError, StepError, StepFailedError
from airflow_sm_pipelines.execution.airflow_internals.worker import StateStore, state_store
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import Epoch
from airflow_sm_pipelines.execution.leftovers import remove_leftovers
from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, read_attempt

if TYPE_CHECKING:
    from airflow.sdk import Context

_REMOVAL_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """A resource, and how to reach it without its step.

    Attributes:
        kind: Its row.
        reference: What Describe and Stop take.
        connection: Which AWS it is in.
    """

    kind: ResourceKind
    reference: str
    connection: AwsConnection

    @classmethod
    def of(cls, kind: str, reference: str, connection: Mapping[str, Any] | None) -> RecordedJob | None:
        """Return the job that was stored, ``None`` if it cannot be reached.

        Args:
            kind: Key of a row; this version may not know it.
            reference: The reference; empty until the service has named the resource.
            connection: Fields of the `AwsConnection`, if they are known.
        """
        row = RESOURCE_KINDS.get(kind)
        if row is None or not reference or connection is None:
            return None
        return cls(row, reference, AwsConnection.from_arguments(connection))

    @property
    def noun(self) -> str:
        """What it is and its name, for messages."""
        return f"{self.kind.noun} {self.reference}"

    def stop(self, pause: Callable[[float], None]) -> tuple[bool, str]:
        """Stop the job and remove what it leaves behind.

        Args:
            pause: Waits some seconds.

        Returns:
            Whether there was something to stop; and why something is left of it, empty if nothing is.

        Raises:
            AwsCallError: AWS refused a call.
        """
        client = self.connection.client(self.kind.service)
        stopped = jobs.stop(client, self.kind, self.reference)
        return stopped, remove_leftovers(client, self.kind, self.reference, pause, _REMOVAL_PATIENCE)


def end_recorded_job(store: StateStore, step: str, log: Log, pause: Callable[[float], None]) -> str:
    """Stop the job of the task's last attempt, whatever step has created it.

    Args:
        store: The task's state store.
        step: Name of the step, for errors.
        log: The task's log.
        pause: Waits some seconds.

    Returns:
        What became of the job, as part of a sentence; empty if the record names none.

    Raises:
        StepFailedError: AWS refused a call; the next try stops the job.
    """
    last = read_attempt(store.get(RECORD_KEY))
    job = RecordedJob.of(last.kind, last.reference, last.connection) if isinstance(last, Attempt) else None
    if job is None:
        return ""
    try:
        stopped, left = job.stop(pause)
    except AwsCallError as error:
        raise StepFailedError.of_refusal(
            step, error, then=f"the {job.noun} may still run", job=job.reference
        ) from error
    if left:
        log.warning("%s; `sm-pipelines stop-orphans` removes it later", left)
    return f"its {job.noun} was stopped" if stopped else f"its {job.noun} does not run any more"


def end_job_of_another_epoch(context: Context, step: str, log: Log, pause: Callable[[float], None]) -> None:
    """Stop the job that a task has left that was cleared while it ran, before the task waits for something else.

    Args:
        context: Airflow's task context.
        step: Name of the step, for errors.
        log: The task's log.
        pause: Waits some seconds.

    Raises:
        StepFailedError: AWS refused a call; the next try stops the job.
    """
    ti = context["ti"]
    if ti.try_number == 1:
        return
    store = state_store(context)
    last = read_attempt(store.get(RECORD_KEY))
    if last is not None and not last.epoch.is_same_try(Epoch(ti.max_tries, ti.task.retries or 0)):
        became = end_recorded_job(store, step, log, pause)
        if became:
            log.info("The task was cleared; %s", became)


def superseded_step_error(
    store: StateStore,
    step: str,
    log: Log,
    pause: Callable[[float], None],
    became: str = "the step has another type now",
) -> StepError:
    """End what a try has begun, and return its error: the definition was edited while the task waited.

    Args:
        store: The task's state store.
        step: Name of the step.
        log: The task's log.
        pause: Waits some seconds.
        became: What the definition says of the step now.

    Raises:
        StepFailedError: AWS refused a call.
    """
    left = end_recorded_job(store, step, log, pause)
    then = f"{left}; " if left else ""
    return StepError(
        step,
        f"the definition was edited while this task waited: {became}; {then}clear the task, or start a new run, to run "
        "the definition as it is now",
    )
