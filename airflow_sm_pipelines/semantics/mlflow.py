"""Where the jobs of a run log to with MLflow: the definition's ``MlflowConfig``, and what the run puts in its place.

Source: developer guide, "Add integration", which lets a run override the app and the experiment; API reference,
StartPipelineExecution, whose ``MlflowExperimentName`` is the experiment of the execution; SDK 3, ``Pipeline``, whose
integration test shows that the tracking server stays that of the definition then.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.semantics.given_options import RunOptionError, RunOptions
from airflow_sm_pipelines.semantics.run_options import MLFLOW_EXPERIMENT_NAME

STEP_TYPES_WITH_MLFLOW = frozenset({"Processing", "Training", "Tuning"})
"""Types of the steps whose jobs are told where to log to: those that run code of the definition's author."""


def mlflow_target(config: Mapping[str, object] | None, options: RunOptions) -> MlflowTarget | None:
    """Return where the jobs of a run log to, ``None`` if nobody says so.

    Args:
        config: The definition's ``MlflowConfig``, resolved; ``None`` if it has none. Without a resource, which a
            parameter may leave empty, it says nothing.
        options: The options of the run; each wins over the member of the definition.

    Raises:
        RunOptionError: The run names an experiment, and nobody a tracking server or an app.
    """
    said = config or {}
    resource = options.mlflow_resource_arn or _text(said.get("MlflowResourceArn"))
    if resource:
        return MlflowTarget(resource, options.mlflow_experiment_name or _text(said.get("MlflowExperimentName")))
    if options.mlflow_experiment_name:
        reason = "needs a tracking server or an app, and neither the definition's MlflowConfig nor the run names one"
        raise RunOptionError(MLFLOW_EXPERIMENT_NAME, reason)
    return None


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
