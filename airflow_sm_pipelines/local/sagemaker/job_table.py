"""The jobs of all kinds and their states."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_sm_pipelines.local.settings import ACCOUNT_ID


class JobStatus(StrEnum):
    """States of processing, training and transform jobs."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class JobKey:
    """Which job: names are unique for each kind, account and region.

    Args:
        kind: Resource type in the ARN, e.g. ``processing-job``.
        region: AWS region.
        name: Name of the job.
    """

    kind: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT_ID}:{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Job:
    """One job at one moment; times are in UTC.

    Args:
        key: Which job.
        request: The Create request.
        status: Its state.
        creation_time: When it was created.
        last_modified_time: When its state changed last.
        start_time: When its command started.
        end_time: When it ended.
        failure_reason: Why it failed.
        exit_message: What its container left as a message.
    """

    key: JobKey
    request: Mapping[str, Any]
    status: JobStatus
    creation_time: datetime
    last_modified_time: datetime
    start_time: datetime | None = None
    end_time: datetime | None = None
    failure_reason: str | None = None
    exit_message: str | None = None


class JobExistsError(Exception):
    """There is a job of this kind and name in the region."""


class JobTable:
    """All jobs, by key. Safe for use by many threads; what it hands out never changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[JobKey, Job] = {}

    def create(self, key: JobKey, request: Mapping[str, Any]) -> Job:
        """Add a job in progress.

        Raises:
            JobExistsError: There is one with this key; names stay taken after a job's end.
        """
        now = datetime.now(UTC)
        with self._lock:
            if key in self._jobs:
                raise JobExistsError(key.arn)
            job = Job(key, request, JobStatus.IN_PROGRESS, creation_time=now, last_modified_time=now)
            self._jobs[key] = job
            return job

    def find(self, key: JobKey) -> Job | None:
        """The job as it is now, or ``None``."""
        with self._lock:
            return self._jobs.get(key)

    def jobs(self, kind: str, region: str) -> list[Job]:
        """All jobs of a kind in a region, as they are now, in the order of their creation."""
        with self._lock:
            return [job for key, job in self._jobs.items() if (key.kind, key.region) == (kind, region)]

    def count(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        with self._lock:
            statuses = [job.status for job in self._jobs.values()]
        return {status.value: statuses.count(status) for status in JobStatus}

    def arn_exists(self, arn: str) -> bool:
        """Whether a job has this ARN."""
        with self._lock:
            return any(key.arn == arn for key in self._jobs)

    def start(self, key: JobKey) -> None:
        """The job's command runs now."""
        self._change(key, start_time=datetime.now(UTC))

    def stop(self, key: JobKey) -> Job:
        """Move a job in progress to Stopping; returns the job as it was before."""
        with self._lock:
            before = self._jobs[key]
            if before.status is JobStatus.IN_PROGRESS:
                self._put(before, status=JobStatus.STOPPING)
            return before

    def end(self, key: JobKey, *, stopped: bool, failure_reason: str | None, exit_message: str | None) -> None:
        """The job has ended; one that was to be stopped is Stopped, however its command ended."""
        with self._lock:
            job = self._jobs[key]
            if stopped or job.status is JobStatus.STOPPING:
                status, failure_reason = JobStatus.STOPPED, None
            else:
                status = JobStatus.FAILED if failure_reason else JobStatus.COMPLETED
            self._put(
                job,
                status=status,
                end_time=datetime.now(UTC),
                failure_reason=failure_reason[:1024] if failure_reason else None,
                exit_message=exit_message,
            )

    def _change(self, key: JobKey, **changes: Any) -> None:
        with self._lock:
            self._put(self._jobs[key], **changes)

    def _put(self, job: Job, **changes: Any) -> None:
        self._jobs[job.key] = replace(job, last_modified_time=datetime.now(UTC), **changes)
