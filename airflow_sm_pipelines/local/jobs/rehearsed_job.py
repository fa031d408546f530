"""Rehearsing a job: its phases, its log, its outcome and its outputs, without a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.job_logs import JobLog
from airflow_sm_pipelines.local.jobs.metrics import MetricValue
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.local.rehearsal import NOTE, Outcome, Refusals

_WITHOUT_CONSTRAINT = "us-east-1"
"""The one region that CreateBucket does not accept as a location constraint (API reference)."""


@dataclass(frozen=True, slots=True)
class SyntheticObject:
    """One object that a rehearsed job puts out.

    Args:
        uri: ``s3://bucket/key``.
        body: Its content.
    """

    uri: str
    body: bytes


@dataclass(frozen=True, slots=True)
class RehearsedWork:
    """What a rehearsed job pretends to do.

    Args:
        log_group: CloudWatch log group of its log.
        log_stream: CloudWatch log stream of its log.
        outputs: Makes what it puts out, when its inputs are there; is given an S3 client.
        metrics: Names of the metrics it reports.
        findings: What it puts out beside and over its outputs if it is to find a violation.
        values: Values of those metrics that are not 0.
    """

    log_group: str
    log_stream: str
    outputs: Callable[[Any], tuple[SyntheticObject, ...]]
    metrics: tuple[str, ...] = ()
    findings: tuple[SyntheticObject, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RehearsedEnding:
    """How a rehearsed job ends.

    Args:
        step: Name of its step; ``""`` if it belongs to none.
        seconds: How long it takes.
        outcome: What comes of it.
        refusals: Where outputs are noted that can be nowhere; without it the job fails of them.
    """

    step: str
    seconds: float
    outcome: Outcome
    refusals: Refusals | None = None


@dataclass(frozen=True, slots=True)
class RehearsedJob:
    """A job of a rehearsal.

    Args:
        work: What it pretends to do.
        ending: How it ends.
    """

    work: RehearsedWork
    ending: RehearsedEnding


def write_log(logs: Any, work: RehearsedWork, ending: RehearsedEnding) -> None:
    """Write what the log of a rehearsed job says."""
    log = JobLog(logs, work.log_group, work.log_stream)
    told = "" if ending.outcome == Outcome() else "\nThe outcome was chosen for this rehearsal."
    log.write(f"Rehearsal: nothing runs. Outputs and metrics are each a {NOTE}.{told}\n".encode())
    log.close()


def put_outputs(s3: Any, work: RehearsedWork, ending: RehearsedEnding) -> None:
    """Put all outputs of a job into S3; buckets are made on demand.

    Raises:
        JobFailure: It is no S3 URI, or no bucket can have such a name, and that is not to be noted.
    """
    for one in (*work.outputs(s3), *(work.findings if ending.outcome.violation else ())):
        try:
            put_object(s3, one, ending.step)
        except JobFailure:
            if ending.refusals is None:
                raise
            ending.refusals.note(
                ending.step, "PutObject", f"{one.uri}: no S3 URI (s3://bucket/key): nothing is written"
            )
        except (ClientError, ParamValidationError) as error:
            if ending.refusals is None:
                raise JobFailure(f"ClientError: Data upload failed: {one.uri}: {error}") from error
            ending.refusals.note(ending.step, "PutObject", f"{one.uri}: {error}")


def put_object(s3: Any, one: SyntheticObject, step: str = "") -> None:
    """Put one object into S3, in a bucket made on demand, with metadata that say what it is.

    Args:
        s3: An S3 client.
        one: The object.
        step: The step whose output it is; ``""`` for none.
    """
    bucket, key = split_uri(one.uri)
    create_bucket(s3, bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=one.body, Metadata=_metadata(step))


def create_bucket(s3: Any, bucket: str) -> None:
    """Create a bucket unless it is there."""
    region = s3.meta.region_name
    place = {} if region == _WITHOUT_CONSTRAINT else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **place)
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        return


def metric_values(work: RehearsedWork) -> tuple[MetricValue, ...]:
    """The metrics of a rehearsed job."""
    now = datetime.now(UTC)
    return tuple(MetricValue(name, work.values.get(name, 0.0), now) for name in work.metrics)


def _metadata(step: str) -> Mapping[str, str]:
    return {"rehearsal": NOTE, **({"step": step} if step else {})}
