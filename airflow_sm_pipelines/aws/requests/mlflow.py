"""Tells a job which MLflow it logs to: the server or the app, and the experiment.

CreateTrainingJob has the member ``MlflowConfig`` (API reference). How a job's own code is told is not documented; what
is *assumed* is MLflow's own way: the environment variables ``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME``. The
URI is the ARN, which the plugin ``sagemaker-mlflow`` reads (developer guide, "Integrate MLflow with your environment").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind

TRACKING_URI, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
_SERVERLESS = "ServerlessJobConfig"


@dataclass(frozen=True, slots=True)
class MlflowTarget:
    """Where the jobs of a run log to.

    Attributes:
        resource_arn: ARN of the tracking server or of the MLflow app.
        experiment_name: Name of the MLflow experiment; ``""`` for MLflow's default.
    """

    resource_arn: str
    experiment_name: str = ""

    def as_config(self) -> Body:
        """Return it as the member ``MlflowConfig`` of a request."""
        experiment = {"MlflowExperimentName": self.experiment_name} if self.experiment_name else {}
        return {"MlflowResourceArn": self.resource_arn, **experiment}

    def as_variables(self) -> dict[str, str]:
        """Return it as environment variables."""
        experiment = {EXPERIMENT: self.experiment_name} if self.experiment_name else {}
        return {TRACKING_URI: self.resource_arn, **experiment}


def with_mlflow(request: Body, kind: ResourceKind, target: MlflowTarget | None) -> Body:
    """Return a job's request that says where the job logs to.

    What the step says itself wins: a member of its own, and a tracking URI or an experiment among its variables.

    Args:
        request: The resolved request.
        kind: The row of the job.
        target: What the pipeline and the run say; ``None`` if they say nothing.
    """
    if target is None or request.get(kind.mlflow_member):
        return request
    told = {**request, kind.mlflow_member: target.as_config()} if kind.mlflow_member else request
    if request.get(_SERVERLESS):  # AWS's own code, which reads the member
        return told
    return with_variables(told, target)


def with_variables(request: Body, target: MlflowTarget) -> Body:
    """Return a request, or a training definition of a tuning job, whose ``Environment`` has MLflow's variables."""
    own = request.get("Environment") or {}
    # Another server has other experiments. What is no object fails the check of types.
    if not isinstance(own, Mapping) or TRACKING_URI in own:
        return request
    return {**request, "Environment": {**target.as_variables(), **own}}
