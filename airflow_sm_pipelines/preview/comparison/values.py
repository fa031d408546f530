"""Where the expressions of a step find the values that they had in a past execution of SageMaker Pipelines.

What an execution does not tell, such as the moment of a ``CurrentDateTime``, stays a placeholder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from airflow_sm_pipelines.aws.pipeline_executions import pipeline_of_execution
from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.definition.expressions import Unknown, evaluate
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.property_files import property_file_uri
from airflow_sm_pipelines.definition.references import EXPERIMENT_DEFAULTS
from airflow_sm_pipelines.errors import EvaluationError, ParameterValueError
from airflow_sm_pipelines.preview.placeholders import trial_names
from airflow_sm_pipelines.semantics.execution_variables import entity_name, execution_time
from airflow_sm_pipelines.semantics.given_options import RunOptions
from airflow_sm_pipelines.semantics.mlflow import mlflow_target


@dataclass(frozen=True)
class ExecutionValues:
    """A `airflow_sm_pipelines.preview.planned_calls.PlanScope` over a past execution.

    Attributes:
        pipeline: Its definition.
        arn: Its ARN.
        started: When it started.
        parameters: The values of its parameters, as texts.
        properties_of: Returns the properties that a step had, ``None`` if they cannot be read any more.
        read_document: Returns the JSON document at an S3 URI; raises `EvaluationError`.
        mlflow_options: The tracking server and the experiment that the execution was started with.
        job_names: Execution variables that name the step's own job.
        item: The item of the iteration; ``None`` outside of a ForEach.
    """

    pipeline: Pipeline
    arn: str
    started: datetime
    parameters: Mapping[str, str]
    properties_of: Callable[[str], Json]
    read_document: Callable[[str], Json]
    mlflow_options: RunOptions = field(default_factory=RunOptions)
    job_names: Mapping[str, str] = field(default_factory=dict)
    item: str | None = None

    def with_job(self, job_names: Mapping[str, str]) -> ExecutionValues:
        """Return the values for a step, with the name that its job has in the service."""
        return replace(self, job_names=job_names)

    def of_job(self, job_names: Mapping[str, Json]) -> ExecutionValues:
        """Return the same: the step's job has the name that it got in the service, not one of ours."""
        return self

    def parameter(self, name: str) -> Json:
        """Return the value that the execution had, in the parameter's own type."""
        parameter = self.pipeline.parameter(name)
        if name not in self.parameters:
            raise EvaluationError(f"Parameters.{name}", "ListPipelineParametersForExecution does not tell it")
        try:
            return parameter.coerce(self.parameters[name])
        except ParameterValueError as error:
            raise EvaluationError(f"Parameters.{name}", str(error)) from error

    def execution(self, variable: str) -> Json:
        """Return a variable of the execution; a placeholder for what nobody can tell any more."""
        pipeline_arn, _, execution_id = self.arn.partition("/execution/")
        known = {
            "PipelineName": self.name,
            "PipelineArn": pipeline_arn,
            "PipelineExecutionId": execution_id,
            "PipelineExecutionArn": self.arn,
            "StartDateTime": execution_time(self.started),
            **self.job_names,
        }
        return known.get(variable, Unknown(f"<Execution.{variable}>"))

    @property
    def name(self) -> str:
        """The name of the pipeline."""
        return self.pipeline.resource.name or pipeline_of_execution(self.arn)

    def experiment(self, member: str) -> Json:
        """Return what the definition says, or the service's default."""
        config = self.pipeline.experiment_config
        if isinstance(config, dict) and member in config:
            return evaluate(config[member], self)
        default = self.execution(EXPERIMENT_DEFAULTS[member])
        return entity_name(self.name) if EXPERIMENT_DEFAULTS[member] == "PipelineName" else default

    def trial(self) -> tuple[str, str] | None:
        """Return the names of experiment and trial, ``None`` if the definition has none."""
        if self.pipeline.experiment_config is None:
            return None
        return trial_names(self.experiment)

    def mlflow(self) -> MlflowTarget | None:
        """Return where the jobs log to with MLflow, ``None`` if nobody says it."""
        config = self.pipeline.mlflow_config
        resolved = None if config is None else cast("JsonObject", evaluate(config, self))
        return mlflow_target(resolved, self.mlflow_options)

    def properties(self, step: str) -> Json:
        """Return the properties that a step had in the execution."""
        found = self.properties_of(step)
        if found is None:
            raise EvaluationError(f"Steps.{step}", "the execution has no properties of this step, or they are gone")
        return found

    def property_file(self, step: str, name: str) -> Json:
        """Return the content that a property file has today."""
        return self.document(property_file_uri(self.pipeline.step(step), name, self.properties(step)))

    def document(self, uri: str) -> Json:
        """Return the JSON document that is at an S3 URI today."""
        return self.read_document(uri)

    def current_item(self) -> Json:
        """Return the item of the iteration, as the text that the service tells."""
        if self.item is None:
            raise EvaluationError("ForEach.CurrentItem", "the step was not listed with an iteration")
        return self.item

    def iteration_output(self, step: str) -> Json:
        """Refuse: only the Selector of a ForEach has it."""
        raise EvaluationError(f"IterationOutput.{step}", "is only allowed as Selector.Field of a ForEach")
