"""The synthetic results in the Describe responses of jobs that the local AWS has no runtime for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.jobs.without_runtime import auto_ml_metric
from airflow_sm_pipelines.local.settings import ACCOUNT_ID
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE

_PROGRAM = "serve.py"
_MINIMIZED = frozenset({"MSE", "RMSE", "MAE", "MAPE", "MASE", "WAPE", "AverageWeightedQuantileLoss"})


def candidate_model(job: Job) -> str:
    """Return the S3 URI of the model of an AutoML job's best candidate."""
    return f"{_folder(job)}/models/{_candidate(job)}/output/model.tar.gz"


def candidate_insights(job: Job) -> str:
    """Return the S3 folder of the model insights of an AutoML job's best candidate."""
    return f"{_folder(job)}/documentation/model_monitor/output/{_candidate(job)}"


def candidate_explainability(job: Job) -> str:
    """Return the S3 folder of the explainability report of an AutoML job's best candidate."""
    return f"{_folder(job)}/documentation/explainability/output/{_candidate(job)}"


def customization_document(job: Job) -> Document:
    """Return the document of a model customization job; empty if it is no JSON object, which AWS would refuse."""
    try:
        document = read_json(job.request["JobConfigDocument"])
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _folder(job: Job) -> str:
    return f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.key.name}"


def _candidate(job: Job) -> str:
    return f"{job.key.name}-rehearsed-1"


def _describe_auto_ml(job: Job) -> Document:
    """Return the best candidate of an ensembling job, with the members that the SDK's steps refer to."""
    if job.status is not JobStatus.COMPLETED:
        return {}
    metric = auto_ml_metric(job)
    container = {
        "Image": f"{ACCOUNT_ID}.dkr.ecr.{job.key.region}.amazonaws.com/rehearsed-automl-inference:1",
        "ModelDataUrl": candidate_model(job),
        "Environment": {
            "MODEL_NAME": _candidate(job),
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
            "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label,probability,probabilities,labels",
            "SAGEMAKER_PROGRAM": _PROGRAM,
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    }
    candidate = {
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
                "ModelInsights": candidate_insights(job),
                "Explainability": candidate_explainability(job),
            }
        },
        "CreationTime": job.creation_time,
        "EndTime": job.end_time,
        "LastModifiedTime": job.last_modified_time,
    }
    return {"BestCandidate": candidate}


def _describe_customization(job: Job) -> Document:
    """Return the document of a completed job with the members that the service adds: the SDK refers to these."""
    document = customization_document(job)
    if job.status is not JobStatus.COMPLETED or not document:
        return {}
    package = f"arn:aws:sagemaker:{job.key.region}:{ACCOUNT_ID}:model-package/rehearsal/1"
    service = {"MlflowDetails": {"RunId": "0" * 32}, "Note": NOTE}
    complete = {"OutputModelPackageArn": package, "ServiceOutput": service, **document}
    return {"JobConfigDocument": json.dumps(complete)}


DESCRIPTIONS: Mapping[str, Callable[[Job], Document]] = {
    "AutoMLJob": _describe_auto_ml,
    "Job": _describe_customization,
}
"""The members that Describe has for a job, by the kind of job."""
