"""Transform jobs: CreateTransformJob, DescribeTransformJob, ListTransformJobs, StopTransformJob."""

from __future__ import annotations

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.services.sagemaker.containers.transform import TransformPlanner
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import JobKind
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
from airflow_sm_pipelines.local.services.sagemaker.registry.model_packages import ModelPackages
from airflow_sm_pipelines.local.services.sagemaker.registry.models import Models
from airflow_sm_pipelines.local.services.sagemaker.tracking.experiments import Experiments
from airflow_sm_pipelines.local.wire.json_service import RequestContext


def transform_jobs(
    experiments: Experiments, models: Models, packages: ModelPackages, runs_images: bool = False
) -> JobKind:
    """Return transform jobs as a kind of job.

    Args:
        experiments: All experiments.
        models: All models.
        packages: All model packages.
        runs_images: Whether their images run, in Docker.
    """

    def check(context: RequestContext, request: Document) -> None:
        if request.get("BatchStrategy") and request["TransformInput"].get("SplitType", "None") == "None":
            _check_strategy(request)
        models.get(context.region, request["ModelName"])
        experiments.check(context.region, request.get("ExperimentConfig", {}))

    return JobKind(
        noun="TransformJob",
        resource_type="transform-job",
        in_use="Job name must be unique within an AWS account and region, and a job with this name already exists "
        "({arn})",
        # Assumed to be what processing jobs answer.
        not_found="Could not find requested job with name: {name}",
        default_order="Descending",  # API reference, SortOrder
        check=check,
        plan=TransformPlanner(models, packages, runs_images).plan,
        describe=lambda job: {"TransformStartTime": job.start_time},
        summarize=_summary,
    )


def _check_strategy(request: Document) -> None:
    """Require a SplitType for SingleRecord (API reference, BatchStrategy; the text is assumed)."""
    if request["BatchStrategy"] == "SingleRecord":
        raise validation_error("BatchStrategy SingleRecord needs a SplitType other than None")


def _summary(job: Job) -> Document:
    """Return what both Describe and List tell; only List has a LastModifiedTime."""
    return {
        "TransformJobName": job.key.name,
        "TransformJobArn": job.key.arn,
        "TransformJobStatus": job.status.value,
        "CreationTime": job.creation_time,
        "TransformEndTime": job.end_time,
        "FailureReason": job.failure_reason,
    }
