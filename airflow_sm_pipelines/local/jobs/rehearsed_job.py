"""Rehearsing a job: its phases, its log, its outcome and its outputs, without a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.job_logs import JobLog
from airflow_sm_pipelines.local.jobs.metrics import MetricValue
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.local.rehearsal import NOTE, Outcome

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
        metrics: Names of the metrics it reports, each with the value 0.
    """

    log_group: str
    log_stream: str
    outputs: Callable[[Any], tuple[SyntheticObject, ...]]
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsedEnding:
    """How a rehearsed job ends.

    Args:
        step: Name of its step; ``""`` if it belongs to none.
        seconds: How long it takes.
        outcome: What comes of it.
    """

    step: str
    seconds: float
    outcome: Outcome


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


def put_outputs(s3: Any, work: RehearsedWork, step: str) -> None:
    """Put all outputs of a job into S3; buckets are made on demand.

    Raises:
        JobFailure: No bucket can have such a name.
    """
    for one in work.outputs(s3):
        try:
            put_object(s3, one, step)
        except (ClientError, ParamValidationError) as error:
            raise JobFailure(f"ClientError: Data upload failed: {one.uri}: {error}") from error


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
    return tuple(MetricValue(name, 0.0, now) for name in work.metrics)


def _metadata(step: str) -> Mapping[str, str]:
    return {"rehearsal": NOTE, **({"step": step} if step else {})}
