"""Jobs of AutoML and of model customization, which the local AWS knows and cannot run.

CreateAutoMLJob and CreateJob with their Describe, List and Stop operations. Such a job fails and says so, unless there
is a stand-in. The document of a model customization job is not validated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import JobKind
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, SecondaryStatus

# What an AutoML job of these phases would be doing.
_SECONDARY: Mapping[SecondaryStatus, str] = {
    SecondaryStatus.STARTING: "Starting",
    SecondaryStatus.DOWNLOADING: "AnalyzingData",
    SecondaryStatus.TRAINING: "TrainingModels",
    SecondaryStatus.UPLOADING: "GeneratingModelInsightsReport",
    SecondaryStatus.STOPPING: "Stopping",
    SecondaryStatus.COMPLETED: "Completed",
    SecondaryStatus.FAILED: "Failed",
    SecondaryStatus.STOPPED: "Stopped",
    SecondaryStatus.MAX_RUNTIME_EXCEEDED: "MaxAutoMLJobRuntimeReached",
}

# API reference, AutoMLJobObjective: the metric of a job that names none.
_DEFAULT_METRICS = {"Regression": "MSE", "BinaryClassification": "F1", "MulticlassClassification": "Accuracy"}


def jobs_without_runtime(advice: str) -> tuple[JobKind, ...]:
    """Return all kinds of jobs that the local AWS cannot run.

    Args:
        advice: What their failure reasons add.
    """
    return auto_ml_jobs(advice), model_customization_jobs(advice)


def auto_ml_jobs(advice: str) -> JobKind:
    """Return AutoML jobs as a kind of job.

    Args:
        advice: What their failure reason adds.
    """
    return JobKind(
        noun="AutoMLJob",
        resource_type="automl-job",
        # Code from the API model; both texts are assumed.
        in_use="AutoML job names must be unique within an AWS account and region, and an AutoML job with this name "
        "already exists ({arn})",
        not_found="Could not find requested AutoML job with name: {name}",
        not_found_code="ResourceNotFound",
        default_order="Descending",  # API reference, SortOrder
        default_sort="Name",  # API reference, SortBy
        plan=_failing(lambda _: "AutoML jobs", advice),
        describe=_describe_auto_ml,
        summarize=_summarize_auto_ml,
    )


def model_customization_jobs(advice: str) -> JobKind:
    """Return model customization jobs as a kind of job.

    Args:
        advice: What their failure reason adds.
    """
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
        plan=_failing(lambda job: f"jobs of the category {job.request['JobCategory']}", advice),
        describe=_describe_customization,
        summarize=_summarize_customization,
    )


def _failing(what: Callable[[Job], str], advice: str) -> Callable[[Job], NoReturn]:
    def plan(job: Job) -> NoReturn:
        raise JobFailure(f"ClientError: the local AWS has no runtime for {what(job)}{advice and f'; {advice}'}")

    return plan


def auto_ml_metric(job: Job) -> str:
    """Return the name of the metric that an AutoML job optimizes."""
    given = job.request.get("AutoMLJobObjective", {}).get("MetricName")
    return str(given or _DEFAULT_METRICS.get(job.request.get("ProblemType", ""), "F1"))


def _describe_auto_ml(job: Job) -> Document:
    resolved = {
        "AutoMLJobObjective": {"MetricName": auto_ml_metric(job)},
        "ProblemType": job.request.get("ProblemType"),
        "CompletionCriteria": job.request.get("AutoMLJobConfig", {}).get("CompletionCriteria"),
    }
    return {
        "GenerateCandidateDefinitionsOnly": job.request.get("GenerateCandidateDefinitionsOnly", False),
        "ResolvedAttributes": resolved,
    }


def _summarize_auto_ml(job: Job) -> Document:
    return {
        "AutoMLJobName": job.key.name,
        "AutoMLJobArn": job.key.arn,
        "AutoMLJobStatus": job.status.value,
        "AutoMLJobSecondaryStatus": _SECONDARY[job.transitions[-1].status],
        "CreationTime": job.creation_time,
        "EndTime": job.end_time,
        "LastModifiedTime": job.last_modified_time,
        "FailureReason": job.failure_reason,
    }


def _describe_customization(job: Job) -> Document:
    transitions = [
        {"Status": row.status.value, "StartTime": row.start_time, "EndTime": row.end_time} for row in job.transitions
    ]
    return {
        "SecondaryStatus": job.transitions[-1].status.value,
        "SecondaryStatusTransitions": transitions,
        "FailureReason": job.failure_reason,
    }


def _summarize_customization(job: Job) -> Document:
    return {
        "JobName": job.key.name,
        "JobArn": job.key.arn,
        "JobCategory": job.request["JobCategory"],
        "JobStatus": job.status.value,
        "CreationTime": job.creation_time,
        "LastModifiedTime": job.last_modified_time,
        "EndTime": job.end_time,
    }
