"""What a step has read and written, told by the Describe response of its resource.

Datasets have the names of the OpenLineage specification ("Dataset naming"): an S3 object or prefix is its key in the
namespace ``s3://<bucket>``. For SageMaker, which the specification does not know, they follow its rule for AWS Glue:
the namespace is the beginning of the ARN, down to the account, and the name is the rest, e.g. ``model/abalone``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from airflow_sm_pipelines.aws.kinds import (
    AUTO_ML_JOB,
    ENDPOINT,
    ENDPOINT_CONFIG,
    INFERENCE_COMPONENT,
    MODEL,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
    ResourceKind,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Dataset:
    """Something that is read or written.

    Attributes:
        namespace: Where its name is unique.
        name: Its name.
        version: Its version; empty if it has none.
    """

    namespace: str
    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a step has read and written, without repetitions, in the order of the table.

    Attributes:
        inputs: What it has read.
        outputs: What it has written.
    """

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()


# From a text in a Describe response, and the namespace of the resource, to what the text names.
_Form: TypeAlias = Callable[[str, str], Dataset | None]
_Table: TypeAlias = Mapping[str, Mapping[str, _Form]]


def _s3(text: str, _: str) -> Dataset | None:
    scheme, _, place = text.partition("://")
    bucket, _, key = place.partition("/")
    return Dataset(f"s3://{bucket}", key.strip("/") or "/") if scheme == "s3" and bucket else None


def _sagemaker(resource_type: str) -> _Form:
    return lambda name, namespace: Dataset(namespace, f"{resource_type}/{name}") if namespace and name else None


def _package(text: str, _: str) -> Dataset | None:
    """A version ``<namespace>:model-package/<group>/<version>``, or a package without a group."""
    namespace, found, name = text.rpartition(":model-package/")
    group, has_group, version = name.partition("/")
    if not found or not group:
        return None
    return Dataset(namespace, f"model-package{'-group' if has_group else ''}/{group}", version)


_CHANNELS = "InputDataConfig[].DataSource.S3DataSource.S3Uri"
_CONTAINER: Mapping[str, _Form] = {
    "ModelDataUrl": _s3,
    "ModelDataSource.S3DataSource.S3Uri": _s3,
    "AdditionalModelDataSources[].S3DataSource.S3Uri": _s3,
}
_METRICS = (
    "ModelQuality.Statistics",
    "ModelQuality.Constraints",
    "ModelDataQuality.Statistics",
    "ModelDataQuality.Constraints",
    "Bias.Report",
    "Bias.PreTrainingReport",
    "Bias.PostTrainingReport",
    "Explainability.Report",
)


def _below(path: str, members: Mapping[str, _Form]) -> dict[str, _Form]:
    return {f"{path}.{member}": form for member, form in members.items()}


INPUTS: _Table = {
    PROCESSING_JOB.key: {"ProcessingInputs[].S3Input.S3Uri": _s3},
    TRAINING_JOB.key: {_CHANNELS: _s3, "ModelPackageConfig.SourceModelPackageArn": _package},
    TRANSFORM_JOB.key: {"TransformInput.DataSource.S3DataSource.S3Uri": _s3, "ModelName": _sagemaker("model")},
    TUNING_JOB.key: {f"TrainingJobDefinition.{_CHANNELS}": _s3, f"TrainingJobDefinitions[].{_CHANNELS}": _s3},
    AUTO_ML_JOB.key: {_CHANNELS: _s3},
    MODEL.key: {
        **_below("PrimaryContainer", {**_CONTAINER, "ModelPackageName": _package}),
        **_below("Containers[]", {**_CONTAINER, "ModelPackageName": _package}),
    },
    MODEL_PACKAGE.key: {
        **_below("InferenceSpecification.Containers[]", _CONTAINER),
        "SourceAlgorithmSpecification.SourceAlgorithms[].ModelDataUrl": _s3,
        **{f"ModelMetrics.{metrics}.S3Uri": _s3 for metrics in _METRICS},
    },
    ENDPOINT_CONFIG.key: {
        "ProductionVariants[].ModelName": _sagemaker("model"),
        "ShadowProductionVariants[].ModelName": _sagemaker("model"),
    },
    ENDPOINT.key: {"EndpointConfigName": _sagemaker("endpoint-config")},
    INFERENCE_COMPONENT.key: {
        "Specification.ModelName": _sagemaker("model"),
        "EndpointName": _sagemaker("endpoint"),
    },
}
"""Where the Describe response says what was read: JSON paths by the key of the resource's row."""

OUTPUTS: _Table = {
    PROCESSING_JOB.key: {
        "ProcessingOutputConfig.Outputs[].S3Output.S3Uri": _s3,
        "ProcessingOutputConfig.Outputs[].FeatureStoreOutput.FeatureGroupName": _sagemaker("feature-group"),
    },
    TRAINING_JOB.key: {"ModelArtifacts.S3ModelArtifacts": _s3, "OutputModelPackageArn": _package},
    TRANSFORM_JOB.key: {"TransformOutput.S3OutputPath": _s3},
    TUNING_JOB.key: {
        "TrainingJobDefinition.OutputDataConfig.S3OutputPath": _s3,
        "TrainingJobDefinitions[].OutputDataConfig.S3OutputPath": _s3,
    },
    AUTO_ML_JOB.key: {
        "OutputDataConfig.S3OutputPath": _s3,
        "BestCandidate.InferenceContainers[].ModelDataUrl": _s3,
    },
    MODEL.key: {"ModelName": _sagemaker("model")},
    MODEL_PACKAGE.key: {"ModelPackageArn": _package},
    ENDPOINT_CONFIG.key: {"EndpointConfigName": _sagemaker("endpoint-config")},
    ENDPOINT.key: {"EndpointName": _sagemaker("endpoint")},
    INFERENCE_COMPONENT.key: {"InferenceComponentName": _sagemaker("inference-component")},
}
"""The same for what was written. EMR and model customization jobs are missing: AWS does not tell it of them."""


def lineage_of(kind: ResourceKind, properties: JsonObject) -> Lineage:
    """Return what a step has read and written.

    Args:
        kind: The row of the resource that it has created.
        properties: The Describe response as plain JSON.
    """
    # arn:aws:sagemaker:us-west-2:123456789012:processing-job/name
    namespace = str(properties.get(kind.arn_member, "")).rpartition(":")[0]
    return Lineage(*(_datasets(table.get(kind.key, {}), properties, namespace) for table in (INPUTS, OUTPUTS)))


def _datasets(places: Mapping[str, _Form], properties: JsonObject, namespace: str) -> tuple[Dataset, ...]:
    found = (
        form(text, namespace)
        for path, form in places.items()
        for text in _values(properties, path.split("."))
        if isinstance(text, str)
    )
    return tuple(dict.fromkeys(dataset for dataset in found if dataset is not None))


def _values(value: Json, path: list[str]) -> Iterator[Json]:
    """Yield what a path leads to; ``[]`` behind a member's name stands for each of its elements."""
    if not path:
        yield value
        return
    if not isinstance(value, dict):
        return
    name, *rest = path
    member = value.get(name.removesuffix("[]"))
    elements = (member if isinstance(member, list) else []) if name.endswith("[]") else [member]
    for element in elements:
        yield from _values(element, rest)
