"""The stored forms of jobs and resources in the state file."""

from __future__ import annotations

import json
from datetime import datetime

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.jobs.metrics import MetricValue
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus, SecondaryStatus, Transition
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey
from airflow_sm_pipelines.local.state.state_file import RecordForm


def _write_key(key: ResourceKey) -> str:
    return json.dumps([key.kind, key.region, key.name])


def _read_key(text: str) -> ResourceKey:
    return ResourceKey(*json.loads(text))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _write_job(job: Job) -> Document:
    return {
        "request": dict(job.request),
        "status": job.status.value,
        "creation_time": _text(job.creation_time),
        "last_modified_time": _text(job.last_modified_time),
        "start_time": _text(job.start_time),
        "end_time": _text(job.end_time),
        "failure_reason": job.failure_reason,
        "exit_message": job.exit_message,
        "transitions": [[row.status.value, _text(row.start_time), _text(row.end_time)] for row in job.transitions],
        "metrics": [[metric.name, metric.value, _text(metric.time)] for metric in job.metrics],
        "origin": dict(job.origin),
    }


def _read_job(key: ResourceKey, document: Document) -> Job:
    return Job(
        key=key,
        request=document["request"],
        status=JobStatus(document["status"]),
        creation_time=datetime.fromisoformat(document["creation_time"]),
        last_modified_time=datetime.fromisoformat(document["last_modified_time"]),
        start_time=_moment(document["start_time"]),
        end_time=_moment(document["end_time"]),
        failure_reason=document["failure_reason"],
        exit_message=document["exit_message"],
        transitions=tuple(
            Transition(SecondaryStatus(status), datetime.fromisoformat(start), _moment(end))
            for status, start, end in document["transitions"]
        ),
        metrics=tuple(
            MetricValue(name, value, datetime.fromisoformat(moment)) for name, value, moment in document["metrics"]
        ),
        origin=document.get("origin", {}),  # state files of earlier versions have none
    )


def _write_resource(resource: Resource) -> Document:
    return {
        "members": dict(resource.members),
        "creation_time": _text(resource.creation_time),
        "last_modified_time": _text(resource.last_modified_time),
    }


def _read_resource(key: ResourceKey, document: Document) -> Resource:
    return Resource(
        key=key,
        members=document["members"],
        creation_time=datetime.fromisoformat(document["creation_time"]),
        last_modified_time=datetime.fromisoformat(document["last_modified_time"]),
    )


JOBS: RecordForm[ResourceKey, Job] = RecordForm(_write_key, _read_key, _write_job, _read_job)
RESOURCES: RecordForm[ResourceKey, Resource] = RecordForm(_write_key, _read_key, _write_resource, _read_resource)
