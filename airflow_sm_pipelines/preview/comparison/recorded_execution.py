"""Reads a past execution of SageMaker Pipelines, so that it can be compared; AWS is only asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_sm_pipelines.aws.calls import call, read_object
from airflow_sm_pipelines.aws.pipeline_executions import (
    ListedStep,
    PipelineExecution,
    execution_parameters,
    listed_steps,
)
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError, split_uri
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.read_values import parse_document
from airflow_sm_pipelines.errors import AwsCallError, EvaluationError
from airflow_sm_pipelines.preview.comparison.execution import ExecutionRecord
from airflow_sm_pipelines.preview.comparison.values import ExecutionValues
from airflow_sm_pipelines.semantics.given_options import RunOptions

if TYPE_CHECKING:
    from botocore.client import BaseClient


class PropertiesSource(Protocol):
    """What reads the properties that steps had in an execution."""

    def properties(self, step: str) -> Json:
        """Return the properties of a step, ``None`` if they cannot be read any more."""


Source = Callable[[str, PipelineExecution, Mapping[str, Step], "Callable[[str], BaseClient]"], PropertiesSource]
"""Makes such a reader from the execution's ARN, what its steps created, the steps of the definition, and clients."""


def read_record(arn: str, pipeline: Pipeline, client: Callable[[str], BaseClient], source: Source) -> ExecutionRecord:
    """Read what a comparison needs of an execution.

    Args:
        arn: Its ARN.
        pipeline: Its definition.
        client: Returns a boto3 client of a service.
        source: Makes the reader of properties.

    Raises:
        AwsCallError: A call failed.
    """
    sagemaker = client("sagemaker")
    execution = call(sagemaker, "DescribePipelineExecution", {"PipelineExecutionArn": arn})
    reader = _Reader(arn, execution, pipeline, tuple(listed_steps(sagemaker, arn)), client, source)
    reader.parameters = execution_parameters(sagemaker, arn)
    return ExecutionRecord(pipeline, reader.steps, client, reader.values)


@dataclass
class _Reader:
    """Reads properties and documents once, however many steps refer to them."""

    arn: str
    execution: Mapping[str, Any]
    pipeline: Pipeline
    steps: tuple[ListedStep, ...]
    client: Callable[[str], BaseClient]
    source: Source
    parameters: Mapping[str, str] = field(default_factory=dict)
    _properties: dict[tuple[int | None, str], Json] = field(default_factory=dict)
    _documents: dict[str, Json] = field(default_factory=dict)

    def values(self, listed: ListedStep) -> ExecutionValues:
        """Return the values of the execution for a step; a body step reads the steps of its own iteration."""
        mlflow = self.execution.get("MLflowConfig") or {}
        return ExecutionValues(
            pipeline=self.pipeline,
            arn=self.arn,
            started=self.execution["CreationTime"],
            parameters=self.parameters,
            properties_of=lambda step: self._properties_of(step, listed.iteration),
            read_document=self._document,
            mlflow_options=RunOptions(
                mlflow_resource_arn=str(mlflow.get("MlflowResourceArn", "")),
                mlflow_experiment_name=str(mlflow.get("MlflowExperimentName", "")),
            ),
            item=None if listed.iteration is None else listed.item,
        )

    def _properties_of(self, step: str, iteration: int | None) -> Json:
        place = (iteration, step)
        if place not in self._properties:
            visible = {one.name: one.executed for one in self.steps if one.iteration in (None, iteration)}
            status = str(self.execution["PipelineExecutionStatus"])
            steps = {known.name: known for known in self.pipeline.steps}
            reader = self.source(self.arn, PipelineExecution(status, visible), steps, self.client)
            self._properties[place] = reader.properties(step)
        return self._properties[place]

    def _document(self, uri: str) -> Json:
        if uri not in self._documents:
            self._documents[uri] = self._read(uri)
        return self._documents[uri]

    def _read(self, uri: str) -> Json:
        try:
            return parse_document(read_object(self.client("s3"), *split_uri(uri)))
        except NoObjectUriError as error:
            raise EvaluationError(uri, "not an S3 URI of the form s3://bucket/key") from error
        except AwsCallError as error:
            raise EvaluationError(uri, f"cannot read it: {error}") from error
        except ValueError as error:
            raise EvaluationError(uri, f"not a JSON document: {error}") from error
