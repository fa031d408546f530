"""The jobs of all kinds and their states."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.jobs.metrics import MetricValue
from airflow_sm_pipelines.local.jobs.runner import JobResult
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey


class JobStatus(StrEnum):
    """States of processing, training and transform jobs."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED})


class SecondaryStatus(StrEnum):
    """What a job does, in the words of training jobs; the other kinds have the same life, but do not show it."""

    STARTING = "Starting"
    DOWNLOADING = "Downloading"
    TRAINING = "Training"
    UPLOADING = "Uploading"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    MAX_RUNTIME_EXCEEDED = "MaxRuntimeExceeded"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of a job's history; times are in UTC.

    Attributes:
        status: What the job did.
        start_time: Since when.
        end_time: Until when; ``None`` for what it does now.
    """

    status: SecondaryStatus
    start_time: datetime
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job at one moment; times are in UTC.

    Attributes:
        key: Which job.
        request: The Create request.
        status: Its state.
        creation_time: When it was created.
        last_modified_time: When its state changed last.
        start_time: When its command started.
        end_time: When it ended.
        failure_reason: Why it failed.
        exit_message: What its container left as a message.
        transitions: Its history, the oldest first.
        metrics: Last values of its metrics.
        origin: What the service knows of a job that another job has launched; empty for a job of a request.
    """

    key: ResourceKey
    request: Document
    status: JobStatus
    creation_time: datetime
    last_modified_time: datetime
    start_time: datetime | None = None
    end_time: datetime | None = None
    failure_reason: str | None = None
    exit_message: str | None = None
    transitions: tuple[Transition, ...] = ()
    metrics: tuple[MetricValue, ...] = ()
    origin: Document = field(default_factory=dict)


class JobExistsError(Exception):
    """An error: there is already a job of this kind and name in the region."""


class JobTable:
    """All jobs, by key. Safe for use by many threads; what it hands out never changes.

    Args:
        records: Where they are kept. Those that run are none of this process, and fail.
    """

    def __init__(self, records: MutableMapping[ResourceKey, Job] | None = None) -> None:
        self._lock = threading.Lock()
        self._jobs = {} if records is None else records
        for job in list(self._jobs.values()):
            if job.status not in TERMINAL:
                lost = replace(job, status=JobStatus.IN_PROGRESS)
                self._put(lost, **_end_of(lost, JobResult(failure_reason=_LOST)))

    def create(self, key: ResourceKey, request: Document, origin: Document | None = None) -> Job:
        """Add a job in progress, that a request or another job (then with its ``origin``) asks for.

        Raises:
            JobExistsError: There is one with this key; names stay taken after a job's end.
        """
        now = datetime.now(UTC)
        with self._lock:
            if key in self._jobs:
                raise JobExistsError(key.arn)
            transitions = (Transition(SecondaryStatus.STARTING, now),)
            job = Job(key, request, JobStatus.IN_PROGRESS, now, now, transitions=transitions, origin=origin or {})
            self._jobs[key] = job
            return job

    def find(self, key: ResourceKey) -> Job | None:
        """Return the job as it is now, or ``None``."""
        with self._lock:
            return self._jobs.get(key)

    def jobs(self, kind: str, region: str) -> list[Job]:
        """Return all jobs of a kind in a region, as they are now."""
        with self._lock:
            return [job for key, job in self._jobs.items() if (key.kind, key.region) == (kind, region)]

    def count(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        with self._lock:
            statuses = [job.status for job in self._jobs.values()]
        return {status.value: statuses.count(status) for status in JobStatus}

    def arn_exists(self, arn: str) -> bool:
        """Tell whether a job has this ARN."""
        with self._lock:
            return any(key.arn == arn for key in self._jobs)

    def enter(self, key: ResourceKey, status: SecondaryStatus) -> None:
        """Note that a job has entered a phase; a job that is stopping keeps that status."""
        with self._lock:
            job = self._jobs[key]
            started = {"start_time": datetime.now(UTC)} if status is SecondaryStatus.TRAINING else {}
            if job.status is JobStatus.STOPPING:
                self._put(job, **started)
            else:
                self._put(job, transitions=_moved(job.transitions, status), **started)

    def stop(self, key: ResourceKey) -> Job:
        """Move a job in progress to Stopping, and return the job as it was before."""
        with self._lock:
            before = self._jobs[key]
            if before.status is JobStatus.IN_PROGRESS:
                transitions = _moved(before.transitions, SecondaryStatus.STOPPING)
                self._put(before, status=JobStatus.STOPPING, transitions=transitions)
            return before

    def end(self, key: ResourceKey, end: JobResult) -> None:
        """End a job; one that was asked to stop is Stopped, however its command ended."""
        with self._lock:
            job = self._jobs[key]
            self._put(job, **_end_of(job, end))

    def _put(self, job: Job, **changes: Any) -> None:
        self._jobs[job.key] = replace(job, **{"last_modified_time": datetime.now(UTC), **changes})


_LOST = (
    "InternalServerError: We encountered an internal error. Please try again. "
    "(The local AWS ended while the job was running.)"
)


def _end_of(job: Job, end: JobResult) -> Document:
    """Return what changes when a job ends."""
    now = datetime.now(UTC)
    failure_reason = end.failure_reason
    if end.stopped or job.status is JobStatus.STOPPING:
        status, failure_reason = JobStatus.STOPPED, None
    else:
        status = JobStatus.FAILED if failure_reason else JobStatus.COMPLETED
    last = SecondaryStatus.MAX_RUNTIME_EXCEEDED if end.timed_out else SecondaryStatus(status.value)
    return {
        "status": status,
        "end_time": now,
        "last_modified_time": now,
        "failure_reason": failure_reason[:1024] if failure_reason else None,
        "exit_message": end.exit_message,
        "metrics": end.metrics,
        "transitions": _moved(job.transitions, last, is_end=True),
    }


def _moved(
    transitions: tuple[Transition, ...], status: SecondaryStatus, *, is_end: bool = False
) -> tuple[Transition, ...]:
    """Return the history with one more row, which begins where the row before it ends."""
    now = datetime.now(UTC)
    *others, last = transitions
    return (*others, replace(last, end_time=now), Transition(status, now, now if is_end else None))
