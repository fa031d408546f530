"""The assets that steps change: their URIs, and what an event tells of the change.

A URI holds neither account nor region: those are known in a run only, and the same DAG file is to work in every
environment. The event's extra has the ARN. The scheme begins with ``x-``: Airflow takes such URIs as they are. For any
other scheme it looks for a provider that normalizes it, which takes each process that makes such an asset about half a
second (Airflow documentation, "Asset definitions"; ``airflow.sdk.definitions.asset._sanitize_uri``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from airflow_sm_pipelines.aws.kinds import (
    AUTO_ML_JOB,
    ENDPOINT,
    INFERENCE_COMPONENT,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
    ResourceKind,
)
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import EvaluationError

SCHEME = "x-sagemaker"
_LONGEST_NAME = 1000
"""Airflow refuses URIs of more than 1,500 characters; SageMaker's names have at most 63."""


TOLD_OF: Mapping[str, tuple[str, ...]] = {
    MODEL_PACKAGE.key: (
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelApprovalStatus",
        "ModelMetrics",
        "CustomerMetadataProperties",
    ),
    ENDPOINT.key: ("EndpointConfigName", "CreationTime", "LastModifiedTime"),
    INFERENCE_COMPONENT.key: ("EndpointName", "CreationTime", "LastModifiedTime"),
    PROCESSING_JOB.key: ("ProcessingOutputConfig", "ExitMessage"),
    TRAINING_JOB.key: ("ModelArtifacts", "FinalMetricDataList"),
    TRANSFORM_JOB.key: ("ModelName", "TransformOutput"),
    TUNING_JOB.key: ("BestTrainingJob",),
    AUTO_ML_JOB.key: ("OutputDataConfig", "BestCandidate"),
}
"""Members of the Describe response that an event tells besides name and ARN, by the key of the resource's row."""


def asset_uri(kind: ResourceKind, members: Mapping[str, Json]) -> str:
    """Return the URI of the asset that changes with a resource; empty if there is none.

    Args:
        kind: The row of the resource.
        members: Its Create request, or its Describe response.
    """
    name_or_arn = members.get(kind.asset_name_member) if kind.asset_type else None
    if not isinstance(name_or_arn, str):
        return ""
    name = name_or_arn.rpartition("/")[2] if name_or_arn.startswith("arn:") else name_or_arn
    return f"{SCHEME}://{kind.asset_type}/{name}" if name.isascii() and 0 < len(name) <= _LONGEST_NAME else ""


def expected_asset_uri(
    kind: ResourceKind, arguments: Mapping[str, Json], pipeline: Pipeline, values: Mapping[str, object]
) -> str:
    """Return the URI of the asset that a step will change; empty if it changes none, or only a run can tell.

    Args:
        kind: The row of the resource that it creates.
        arguments: The step's Arguments, unevaluated.
        pipeline: The definition, with the defaults of its parameters.
        values: Values that replace such defaults. A run may have others, and then changes another asset.
    """
    name = arguments.get(kind.asset_name_member)
    if isinstance(name, dict):
        try:
            name = evaluate(name, _Parameters(pipeline, values))
        except EvaluationError:
            return ""
    return asset_uri(kind, {kind.asset_name_member: name})


def event_extra(kind: ResourceKind, properties: Mapping[str, Json]) -> JsonObject:
    """Return what an asset's event tells of the resource: members of its Describe response, under AWS's names.

    Args:
        kind: The row of the resource.
        properties: Its Describe response as plain JSON.
    """
    members = (kind.arn_member, kind.name_member, *TOLD_OF.get(kind.key, ()))
    return {name: properties[name] for name in members if name in properties}


class _Parameters:
    """A `Scope` that knows parameters and nothing else."""

    def __init__(self, pipeline: Pipeline, values: Mapping[str, object]) -> None:
        self._pipeline = pipeline
        self._values = values

    def parameter(self, name: str) -> Json:
        value = self._values.get(name)
        if value is None:
            value = next((entry.default for entry in self._pipeline.parameters if entry.name == name), None)
        if not isinstance(value, (str, int, float)):  # no default, or an XCom
            _unknown(name)
        return value

    def execution(self, variable: str) -> Json:
        _unknown(variable)

    def experiment(self, member: str) -> Json:
        _unknown(member)

    def properties(self, step: str) -> Json:
        _unknown(step)

    def property_file(self, step: str, name: str) -> Json:
        _unknown(step)

    def document(self, uri: str) -> Json:
        _unknown(uri)

    def current_item(self) -> Json:
        _unknown("ForEach.CurrentItem")

    def iteration_output(self, step: str) -> Json:
        _unknown(step)


def _unknown(reference: str) -> NoReturn:
    raise EvaluationError(reference, "only a run knows it")
