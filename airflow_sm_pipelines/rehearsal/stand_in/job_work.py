"""The work of a job in a rehearsal: its phases, its log, its outcome and its outputs, without a container."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from airflow_sm_pipelines.local.buckets import ensure_bucket
from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.job_logs import JobLog
from airflow_sm_pipelines.local.jobs.metrics import MetricValue
from airflow_sm_pipelines.local.jobs.runner import JobAccess, JobPhase, JobResult, OwnWork
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import COMPLETED, NOTE, Outcome, Refusals, WrittenObjects

if TYPE_CHECKING:
    from botocore.client import BaseClient


@dataclass(frozen=True, slots=True)
class SyntheticObject:
    """One object that a job of a rehearsal puts out.

    Attributes:
        uri: ``s3://bucket/key``.
        body: Its content.
    """

    uri: str
    body: bytes

    @classmethod
    def of_json(cls, folder: str, path: str, content: object) -> SyntheticObject:
        """Return an object with a JSON document as its content.

        Args:
            folder: S3 URI of a folder.
            path: The object's path below it.
            content: The document.
        """
        return cls(f"{folder.rstrip('/')}/{path}", json.dumps(content, indent=2).encode())


@dataclass(frozen=True, slots=True)
class SyntheticWork:
    """The work that a job of a rehearsal pretends to do.

    Attributes:
        log_group: CloudWatch log group of its log.
        log_stream: CloudWatch log stream of its log.
        outputs: Makes its outputs when its inputs are there; is given an S3 client.
        metrics: Names of the metrics that it reports.
        findings: What it puts out beside and over its outputs if it is to find a violation.
        values: Values of those metrics that are not 0.
    """

    log_group: str
    log_stream: str
    outputs: Callable[[BaseClient], tuple[SyntheticObject, ...]]
    metrics: tuple[str, ...] = ()
    findings: tuple[SyntheticObject, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)


def own_work(
    work: SyntheticWork,
    step: str,
    seconds: float,
    outcome: Outcome,
    refusals: Refusals | None = None,
    written: WrittenObjects | None = None,
) -> OwnWork:
    """Return the work of a job as the local AWS runs it.

    Args:
        work: What it pretends to do.
        step: Name of its step; ``""`` if it belongs to none.
        seconds: How long it takes.
        outcome: How it ends.
        refusals: Where outputs with an impossible place are noted; ``None`` fails the job because of them.
        written: Where the others are noted.
    """

    def run(access: JobAccess) -> JobResult:
        access.entered(JobPhase.DOWNLOADING)
        _write_log(access.client("logs"), work, outcome)
        access.entered(JobPhase.RUNNING)
        if access.stop.wait(seconds) or outcome.stopped:
            return JobResult(stopped=True)
        if outcome.failure_reason is not None:
            raise JobFailure(outcome.failure_reason)
        access.entered(JobPhase.UPLOADING)
        s3 = access.client("s3")
        objects = (*work.outputs(s3), *(work.findings if outcome.violation else ()))
        for uri in put_objects(s3, objects, step, refusals):
            if written is not None:
                written.note(uri, step)
        return JobResult(stopped=False, metrics=_metric_values(work))

    return OwnWork(run)


def put_objects(
    s3: BaseClient, objects: tuple[SyntheticObject, ...], step: str, refusals: Refusals | None = None
) -> list[str]:
    """Put the outputs of a job into S3; buckets are created on demand.

    Args:
        s3: An S3 client.
        objects: The outputs.
        step: Name of the job's step; ``""`` if it belongs to none.
        refusals: Where outputs with an impossible place are noted.

    Returns:
        The S3 URIs of those that were put.

    Raises:
        JobFailure: An output has no S3 URI, or no bucket can have such a name, and that is not to be noted.
    """
    from botocore.exceptions import ClientError, ParamValidationError

    put = []
    for one in objects:
        try:
            put_object(s3, one, step)
            put.append(one.uri)
        except JobFailure:
            if refusals is None:
                raise
            refusals.note(step, "PutObject", f"{one.uri}: no S3 URI (s3://bucket/key): nothing is written")
        except (ClientError, ParamValidationError) as error:
            if refusals is None:
                raise JobFailure(f"ClientError: Data upload failed: {one.uri}: {error}") from error
            refusals.note(step, "PutObject", f"{one.uri}: {error}")
    return put


def put_object(s3: BaseClient, one: SyntheticObject, step: str = "") -> None:
    """Put one object into S3, in a bucket created on demand, with metadata that say what it is.

    Args:
        s3: An S3 client.
        one: The object.
        step: The step whose output it is; ``""`` for none.
    """
    bucket, key = split_uri(one.uri)
    put = partial(s3.put_object, Bucket=bucket, Key=key, Body=one.body, Metadata=_metadata(step))
    try:
        put()
    except s3.exceptions.NoSuchBucket:
        ensure_bucket(s3, bucket)
        put()


def _write_log(logs: BaseClient, work: SyntheticWork, outcome: Outcome) -> None:
    log = JobLog(logs, work.log_group, work.log_stream)
    told = "" if outcome == COMPLETED else "\nThe outcome was chosen for this rehearsal."
    log.write(f"Rehearsal: nothing runs. Outputs and metrics are each a {NOTE}.{told}\n".encode())
    log.close()


def _metric_values(work: SyntheticWork) -> tuple[MetricValue, ...]:
    now = datetime.now(UTC)
    return tuple(MetricValue(name, work.values.get(name, 0.0), now) for name in work.metrics)


def _metadata(step: str) -> dict[str, str]:
    return {"rehearsal": NOTE, **({"step": step} if step else {})}
