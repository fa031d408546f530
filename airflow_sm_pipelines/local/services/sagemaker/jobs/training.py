"""Training jobs: CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.services.sagemaker.containers.training import (
    DEFAULT_RUNTIME_SECONDS,
    is_built_in,
    model_uri,
    plan_container,
)
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import JobKind
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, SecondaryStatus, Transition
from airflow_sm_pipelines.local.services.sagemaker.tracking.experiments import Experiments
from airflow_sm_pipelines.local.wire.json_service import RequestContext

_MESSAGES: Mapping[SecondaryStatus, str] = {
    # Texts of public DescribeTrainingJob answers.
    SecondaryStatus.STARTING: "Preparing the instances for training",
    SecondaryStatus.DOWNLOADING: "Downloading input data",
    SecondaryStatus.TRAINING: "Training image download completed. Training in progress.",
    SecondaryStatus.UPLOADING: "Uploading generated training model",
    SecondaryStatus.STOPPING: "Stopping the training job",
    SecondaryStatus.STOPPED: "Training job stopped",
    SecondaryStatus.MAX_RUNTIME_EXCEEDED: "Training job runtime exceeded MaxRuntimeInSeconds",
    SecondaryStatus.COMPLETED: "Training job completed",
    SecondaryStatus.FAILED: "Training job failed",
}

_DEFAULTS: Document = {
    "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS},
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
}


def training_jobs(experiments: Experiments, runs_images: bool = False) -> JobKind:
    """Return training jobs as a kind of job.

    Args:
        experiments: All experiments.
        runs_images: Whether their images run, in Docker.
    """

    def check(context: RequestContext, request: Document) -> None:
        if problems := [*_problems(request)]:
            raise validation_error("; ".join(problems))
        experiments.check(context.region, request.get("ExperimentConfig", {}))

    return JobKind(
        noun="TrainingJob",
        resource_type="training-job",
        # Both texts are AWS's own (public reports).
        in_use="Training job names must be unique within an AWS account and region, and a training job with this name "
        "already exists ({arn})",
        not_found="Requested resource not found.",
        default_order="Ascending",  # API reference, SortOrder
        # API reference, ListTrainingJobs: MaxResults jobs are taken first, whatever their state.
        page_filters=frozenset({"StatusEquals"}),
        check=check,
        plan=lambda job: plan_container(job, runs_images=runs_images),
        describe=_describe,
        summarize=_summary,
    )


def _describe(job: Job) -> Document:
    started = next((row.start_time for row in job.transitions if row.status is SecondaryStatus.DOWNLOADING), None)
    seconds = max(1, round((job.end_time - started).total_seconds())) if started and job.end_time else None
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in job.request}
    output = job.request.get("OutputDataConfig")
    return {
        **defaults,
        # The service tells it always, and the Python SDK reads it when it attaches to a job.
        "OutputDataConfig": {"KmsKeyId": "", **output} if output else None,
        "TuningJobArn": job.origin.get("TuningJobArn"),
        "ModelArtifacts": {"S3ModelArtifacts": model_uri(job)},
        "FailureReason": job.failure_reason,
        "TrainingStartTime": started,
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds,
        "SecondaryStatusTransitions": [_transition(row, job) for row in job.transitions],
        "FinalMetricDataList": [
            {"MetricName": metric.name, "Value": metric.value, "Timestamp": metric.time} for metric in job.metrics
        ]
        or None,
    }


def _transition(row: Transition, job: Job) -> Document:
    message = _MESSAGES[row.status]
    if row.status is SecondaryStatus.FAILED and job.failure_reason:
        message = job.failure_reason  # as AWS does
    if row.status is SecondaryStatus.STARTING and "Note" in job.origin:
        message = f"{message} ({job.origin['Note']})"
    return {
        "Status": row.status.value,
        "StartTime": row.start_time,
        "EndTime": row.end_time,
        "StatusMessage": message,
    }


def _summary(job: Job) -> Document:
    """Return the members that both Describe and List have."""
    return {
        "TrainingJobName": job.key.name,
        "TrainingJobArn": job.key.arn,
        "TrainingJobStatus": job.status.value,
        "SecondaryStatus": job.transitions[-1].status.value,
        "CreationTime": job.creation_time,
        "LastModifiedTime": job.last_modified_time,
        "TrainingEndTime": job.end_time,
    }


def _problems(request: Document) -> Iterator[str]:
    """Check rules that the API reference states in words (the texts are assumed)."""
    algorithm = request.get("AlgorithmSpecification", {})
    if "ServerlessJobConfig" not in request:
        for member in ("AlgorithmSpecification", "ResourceConfig"):
            if member not in request:
                yield f"{member} is required"
        if ("TrainingImage" in algorithm) == ("AlgorithmName" in algorithm):
            yield "AlgorithmSpecification must have exactly one of TrainingImage and AlgorithmName"
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"ChannelName must be unique, but {name} occurs {names.count(name)} times"
    for channel in request.get("InputDataConfig", ()):
        if len(channel["DataSource"]) != 1:
            yield f"Channel {channel['ChannelName']} must have exactly one data source"
    if "TrainingImage" in algorithm and "MetricDefinitions" in algorithm and is_built_in(request):
        # The developer guide: metrics of built-in algorithms cannot be changed.
        yield "You can't override the metric definitions for Amazon SageMaker algorithms"
    yield from _pattern_problems(algorithm.get("MetricDefinitions", ()))


def _pattern_problems(definitions: Any) -> Iterator[str]:
    for definition in definitions:
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            yield f"MetricDefinition {definition['Name']}: invalid regular expression: {error}"
