"""Where the expressions of a step find their values before a run: parameters, and placeholders for the rest.

``{"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}`` becomes ``<Steps.Train.ModelArtifacts.S3ModelArtifacts>``;
parameters become their values; a Join is joined around its placeholders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.definition.expressions import Unknown, evaluate
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import MISSING, Missing, Pipeline
from airflow_sm_pipelines.definition.references import EXPERIMENT_DEFAULTS, EXPERIMENT_MEMBERS
from airflow_sm_pipelines.semantics.given_options import RunOptions
from airflow_sm_pipelines.semantics.mlflow import mlflow_target


class PlaceholderScope:
    """A `airflow_sm_pipelines.definition.expressions.Scope` of a pipeline that does not run.

    Args:
        pipeline: The definition.
        parameters: Values of parameters, in their own types; the definition's defaults are used for the others.
        job_names: Execution variables that name the step's own job.

    Attributes:
        parameters: The value of each parameter, or its placeholder.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        parameters: Mapping[str, str | int | float | bool],
        job_names: Mapping[str, Json] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._given = parameters
        self._job_names = job_names or {}
        self.parameters: dict[str, Json] = {
            entry.name: parameters.get(entry.name, _default(entry.name, entry.default)) for entry in pipeline.parameters
        }

    def of_job(self, job_names: Mapping[str, Json]) -> PlaceholderScope:
        """Return this scope with the variables that name a step's own job."""
        return PlaceholderScope(self._pipeline, self._given, job_names)

    def parameter(self, name: str) -> Json:
        """Return its value, or its placeholder."""
        return self.parameters[name]

    def execution(self, variable: str) -> Json:
        """Return the name of the step's own job, or a placeholder."""
        return self._job_names.get(variable, Unknown(f"<Execution.{variable}>"))

    def experiment(self, member: str) -> Json:
        """Return what the definition says, or the placeholder of the service's default."""
        config = self._pipeline.experiment_config
        if isinstance(config, dict) and member in config:
            return evaluate(config[member], self)
        return Unknown(f"<Execution.{EXPERIMENT_DEFAULTS[member]}>")

    def trial(self) -> tuple[str, str] | None:
        """Return the names of experiment and trial, ``None`` if the definition has none."""
        if self._pipeline.experiment_config is None:
            return None
        return trial_names(self.experiment)

    def mlflow(self) -> MlflowTarget | None:
        """Return where the jobs log to with MLflow, ``None`` if the definition does not say it."""
        config = self._pipeline.mlflow_config
        return mlflow_target(None if config is None else cast("JsonObject", evaluate(config, self)), RunOptions())

    def properties(self, step: str) -> Json:
        """Return the placeholder of a step's properties."""
        return Unknown(f"<Steps.{step}>")

    def property_file(self, step: str, name: str) -> Json:
        """Return the placeholder of a property file."""
        return Unknown(f"<Steps.{step}.PropertyFiles.{name}>")

    def document(self, uri: str) -> Json:
        """Return the placeholder of a JSON document in S3."""
        return Unknown(f"<{uri}>")

    def current_item(self) -> Json:
        """Return the placeholder of the item of an iteration."""
        return Unknown("<ForEach.CurrentItem>")

    def iteration_output(self, step: str) -> Json:
        """Return the placeholder of a body step's properties in one iteration."""
        return Unknown(f"<IterationOutput.{step}>")


def trial_names(experiment: Callable[[str], Json]) -> tuple[str, str]:
    """Return the names of experiment and trial; a name that is not known stays an `Unknown`.

    Args:
        experiment: Returns the value of a member of the ``PipelineExperimentConfig``.
    """
    name, trial = (experiment(member) for member in EXPERIMENT_MEMBERS)
    return name if isinstance(name, str) else str(name), trial if isinstance(trial, str) else str(trial)


def _default(name: str, default: str | int | float | bool | Missing) -> Json:
    return Unknown(f"<Parameters.{name}>") if default is MISSING else default
