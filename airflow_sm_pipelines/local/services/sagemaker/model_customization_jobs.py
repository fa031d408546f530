"""Model customization jobs: CreateJob, DescribeJob, ListJobs, StopJob.

Nothing here customizes models: such a job fails and says so, except in a rehearsal, where it completes. Its document is
not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.rehearsed_job import RehearsedWork, SyntheticObject
from airflow_sm_pipelines.local.rehearsal import NOTE, StepFiles
from airflow_sm_pipelines.local.services.sagemaker.job_operations import JobKind
from airflow_sm_pipelines.local.services.sagemaker.job_table import Job, JobStatus
from airflow_sm_pipelines.local.settings import ACCOUNT_ID

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def model_customization_jobs() -> JobKind:
    """Model customization jobs as a kind of job."""
    return JobKind(
        noun="Job",
        resource_type="job",
        scope_member="JobCategory",
        # Codes from the API model; both texts are assumed.
        in_use="Job names must be unique within an AWS account and region, and a job with this name already exists "
        "({arn})",
        not_found="Could not find requested job with name: {name}",
        not_found_code="ResourceNotFound",
        default_order="Descending",  # API reference, SortOrder
        plan=_plan,
        rehearse=_rehearse,
        describe=_describe,
        summarize=_summary,
    )


def _plan(job: Job) -> NoReturn:
    raise JobFailure(
        f"ClientError: the local AWS has no runtime for jobs of the category {job.request['JobCategory']}; "
        "`sm-pipelines rehearse` lets them complete with a synthetic result"
    )


def _rehearse(job: Job, _: StepFiles) -> RehearsedWork:
    """The label, where the document says that outputs go, if it does."""

    def outputs(_: Any) -> tuple[SyntheticObject, ...]:
        place = (_document(job).get("OutputDataConfig") or {}).get("S3OutputPath")
        if not isinstance(place, str):
            return ()
        label = json.dumps({"note": NOTE, "job": job.key.arn}, indent=2).encode()
        return (SyntheticObject(f"{place.rstrip('/')}/rehearsal.json", label),)

    return RehearsedWork(_LOG_GROUP, f"{job.key.name}/rehearsal", outputs)


def _document(job: Job) -> dict[str, Any]:
    """The job's document; empty if it is not a JSON object, which AWS would refuse."""
    try:
        document = json.loads(job.request["JobConfigDocument"])
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _describe(job: Job) -> Mapping[str, Any]:
    transitions = [
        {"Status": row.status.value, "StartTime": row.start_time, "EndTime": row.end_time} for row in job.transitions
    ]
    return {
        "SecondaryStatus": job.transitions[-1].status.value,
        "SecondaryStatusTransitions": transitions,
        "FailureReason": job.failure_reason,
        "JobConfigDocument": _described_document(job),
    }


def _described_document(job: Job) -> str:
    """The document; that of a completed job has members that the service adds: the SDK refers to these."""
    document = _document(job)
    if job.status is not JobStatus.COMPLETED or not document:
        return str(job.request["JobConfigDocument"])
    package = f"arn:aws:sagemaker:{job.key.region}:{ACCOUNT_ID}:model-package/rehearsal/1"
    service = {"MlflowDetails": {"RunId": "0" * 32}, "Note": NOTE}
    return json.dumps({"OutputModelPackageArn": package, "ServiceOutput": service, **document})


def _summary(job: Job) -> dict[str, Any]:
    """What both Describe and List tell."""
    return {
        "JobName": job.key.name,
        "JobArn": job.key.arn,
        "JobCategory": job.request["JobCategory"],
        "JobStatus": job.status.value,
        "CreationTime": job.creation_time,
        "LastModifiedTime": job.last_modified_time,
        "EndTime": job.end_time,
    }
