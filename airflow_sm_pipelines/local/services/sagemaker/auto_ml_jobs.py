"""AutoML jobs: CreateAutoMLJob, DescribeAutoMLJob, ListAutoMLJobs, StopAutoMLJob.

There is no Autopilot here: such a job fails and says so, except in a rehearsal, where its best candidate is synthetic.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any, NoReturn

from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.rehearsed_job import RehearsedWork, SyntheticObject
from airflow_sm_pipelines.local.rehearsal import NOTE, StepFiles
from airflow_sm_pipelines.local.services.sagemaker.job_operations import JobKind
from airflow_sm_pipelines.local.services.sagemaker.job_table import Job, JobStatus, SecondaryStatus
from airflow_sm_pipelines.local.settings import ACCOUNT_ID

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_PROGRAM = "serve.py"

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
_MINIMIZED = frozenset({"MSE", "RMSE", "MAE", "MAPE", "MASE", "WAPE", "AverageWeightedQuantileLoss"})


def auto_ml_jobs() -> JobKind:
    """AutoML jobs as a kind of job."""
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
        plan=_plan,
        rehearse=_rehearse,
        describe=_describe,
        summarize=_summary,
    )


def _plan(_job: Job) -> NoReturn:
    raise JobFailure(
        "ClientError: the local AWS has no runtime for AutoML jobs; `sm-pipelines rehearse` gives their best candidate "
        "a synthetic model"
    )


def _rehearse(job: Job, _: StepFiles) -> RehearsedWork:
    """The model of the best candidate, which holds only a label, and its two reports."""

    def outputs(_: Any) -> tuple[SyntheticObject, ...]:
        label = {"note": NOTE, "job": job.key.arn}
        reports = tuple(
            SyntheticObject(f"{folder}/{file}", json.dumps(label, indent=2).encode())
            for folder, file in ((_insights(job), "statistics.json"), (_explainability(job), "analysis.json"))
        )
        return (SyntheticObject(_model(job), _archive(label)), *reports)

    return RehearsedWork(_LOG_GROUP, f"{job.key.name}/rehearsal", outputs)


def _archive(label: Mapping[str, Any]) -> bytes:
    stream, data = io.BytesIO(), json.dumps(label, indent=2).encode()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        member = tarfile.TarInfo("rehearsal.json")
        member.size = len(data)
        file.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _folder(job: Job) -> str:
    return f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.key.name}"


def _candidate(job: Job) -> str:
    return f"{job.key.name}-rehearsed-1"


def _model(job: Job) -> str:
    return f"{_folder(job)}/models/{_candidate(job)}/output/model.tar.gz"


def _insights(job: Job) -> str:
    return f"{_folder(job)}/documentation/model_monitor/output/{_candidate(job)}"


def _explainability(job: Job) -> str:
    return f"{_folder(job)}/documentation/explainability/output/{_candidate(job)}"


def _describe(job: Job) -> Mapping[str, Any]:
    """What only Describe tells; members of an ensembling job's candidate are those that the SDK's steps refer to."""
    config = job.request.get("AutoMLJobConfig", {})
    resolved = {
        "AutoMLJobObjective": {"MetricName": _metric(job)},
        "ProblemType": job.request.get("ProblemType"),
        "CompletionCriteria": config.get("CompletionCriteria"),
    }
    return {
        "GenerateCandidateDefinitionsOnly": job.request.get("GenerateCandidateDefinitionsOnly", False),
        "ResolvedAttributes": resolved,
        "BestCandidate": _best_candidate(job) if job.status is JobStatus.COMPLETED else None,
    }


def _metric(job: Job) -> str:
    given = job.request.get("AutoMLJobObjective", {}).get("MetricName")
    return str(given or _DEFAULT_METRICS.get(job.request.get("ProblemType", ""), "F1"))


def _best_candidate(job: Job) -> dict[str, Any]:
    metric = _metric(job)
    container = {
        "Image": f"{ACCOUNT_ID}.dkr.ecr.{job.key.region}.amazonaws.com/rehearsed-automl-inference:1",
        "ModelDataUrl": _model(job),
        "Environment": {
            "MODEL_NAME": _candidate(job),
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
            "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label,probability,probabilities,labels",
            "SAGEMAKER_PROGRAM": _PROGRAM,
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    }
    return {
        "CandidateName": _candidate(job),
        "CandidateStatus": "Completed",
        "CandidateSteps": [],
        "ObjectiveStatus": "Succeeded",
        "FinalAutoMLJobObjectiveMetric": {
            "Type": "Minimize" if metric in _MINIMIZED else "Maximize",
            "MetricName": metric,
            "Value": 0.0,
        },
        "InferenceContainers": [container],
        "CandidateProperties": {
            "CandidateArtifactLocations": {
                "ModelInsights": _insights(job),
                "Explainability": _explainability(job),
            }
        },
        "CreationTime": job.creation_time,
        "EndTime": job.end_time,
        "LastModifiedTime": job.last_modified_time,
    }


def _summary(job: Job) -> dict[str, Any]:
    """What both Describe and List tell."""
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
