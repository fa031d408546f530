"""Which differences between a request and the Describe response of what it created mean nothing, and by which rule.

A Describe response repeats the request (API reference), but not to the letter: the service fills in defaults, adds what
it measures, and writes ARNs where a name was given. Each such difference is left out by a rule that has a name, so that
a comparison can tell what it did not count. Defaults are those that the API reference documents; what the service adds
beside them is *assumed* from recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind

ABSENT = object()
"""Stands for a member that one side does not have."""

NAME, EMPTY, DEFAULT, ADDED, ARN, LATER, NOT_DESCRIBED = (
    "name",
    "empty value",
    "default",
    "added by the service",
    "ARN for a name",
    "changed later",
    "not described",
)

RULES: Mapping[str, str] = {
    NAME: "names and tokens are new for each job",
    EMPTY: "an empty text, list or object, or null, is the same as none",
    DEFAULT: "the service fills in its defaults",
    ADDED: "the service adds what nobody asked for, such as the digest of an image",
    ARN: "the service may tell the ARN of what the request names",
    LATER: "people change it after the resource was created, e.g. by an approval",
    NOT_DESCRIBED: "the Describe response does not have it, such as tags",
}
"""Each rule by its name, with its reason."""

Pattern = tuple[str, ...]
"""Members on the way to a place; ``*`` stands for an element of a list or any member."""

_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")

_DEFAULTS: Mapping[str, Mapping[Pattern, Any]] = {
    "processing-job": {
        ("StoppingCondition", "MaxRuntimeInSeconds"): 86400,
        ("ProcessingInputs", "*", "AppManaged"): False,
        ("ProcessingInputs", "*", "S3Input", "S3DataDistributionType"): "FullyReplicated",
        ("ProcessingInputs", "*", "S3Input", "S3InputMode"): "File",
        ("ProcessingInputs", "*", "S3Input", "S3CompressionType"): "None",
        ("ProcessingInputs", "*", "DatasetDefinition", "DataDistributionType"): "ShardedByS3Key",
        ("ProcessingInputs", "*", "DatasetDefinition", "InputMode"): "File",
        ("ProcessingOutputConfig", "Outputs", "*", "AppManaged"): False,
        ("NetworkConfig", "EnableNetworkIsolation"): False,
        ("NetworkConfig", "EnableInterContainerTrafficEncryption"): False,
    },
    "training-job": {
        ("StoppingCondition", "MaxRuntimeInSeconds"): 86400,
        ("EnableNetworkIsolation",): False,
        ("EnableInterContainerTrafficEncryption",): False,
        ("EnableManagedSpotTraining",): False,
        ("AlgorithmSpecification", "EnableSageMakerMetricsTimeSeries"): False,
        ("InputDataConfig", "*", "CompressionType"): "None",
        ("InputDataConfig", "*", "RecordWrapperType"): "None",
        ("InputDataConfig", "*", "DataSource", "S3DataSource", "S3DataDistributionType"): "FullyReplicated",
        ("OutputDataConfig", "CompressionType"): "GZIP",
        ("CheckpointConfig", "LocalPath"): "/opt/ml/checkpoints/",
        ("DebugHookConfig", "LocalPath"): "/opt/ml/output/tensors/",
        ("DebugRuleConfigurations", "*", "VolumeSizeInGB"): 0,
        ("ProfilerRuleConfigurations", "*", "VolumeSizeInGB"): 0,
        ("ProfilerConfig", "DisableProfiler"): False,
        ("ProfilerConfig", "ProfilingIntervalInMilliseconds"): 500,
        ("TensorBoardOutputConfig", "LocalPath"): "/opt/ml/output/tensorboard",
    },
    "transform-job": {
        ("TransformInput", "CompressionType"): "None",
        ("TransformInput", "SplitType"): "None",
        ("TransformOutput", "AssembleWith"): "None",
        ("TransformResources", "InstanceCount"): 1,
        ("DataProcessing", "InputFilter"): "$",
        ("DataProcessing", "OutputFilter"): "$",
        ("DataProcessing", "JoinSource"): "None",
        ("ModelClientConfig", "InvocationsTimeoutInSeconds"): 600,
        ("ModelClientConfig", "InvocationsMaxRetries"): 3,
        ("MaxConcurrentTransforms",): 0,
        ("MaxPayloadInMB",): 6,
    },
    "model": {
        ("EnableNetworkIsolation",): False,
        ("PrimaryContainer", "Mode"): "SingleModel",
        ("Containers", "*", "Mode"): "SingleModel",
        ("InferenceExecutionConfig", "Mode"): "Serial",
    },
    "tuning-job": {
        ("HyperParameterTuningJobConfig", "TrainingJobEarlyStoppingType"): "Off",
        **{
            (*definition, member): False
            for definition in (("TrainingJobDefinition",), ("TrainingJobDefinitions", "*"))
            for member in (
                "EnableNetworkIsolation",
                "EnableInterContainerTrafficEncryption",
                "EnableManagedSpotTraining",
            )
        },
    },
    "emr-serverless-job": {
        ("executionTimeoutMinutes",): 720,
        ("mode",): "BATCH",
        ("retryPolicy", "maxAttempts"): 1,
    },
    "endpoint-config": {
        **{(variants, "*", "InitialVariantWeight"): 1 for variants in _VARIANTS},
        **{(variants, "*", "EnableSSMAccess"): False for variants in _VARIANTS},
        ("EnableNetworkIsolation",): False,
    },
    "model-package": {
        ("ModelApprovalStatus",): "PendingManualApproval",
        ("CertifyForMarketplace",): False,
        ("SkipModelValidation",): "None",
    },
}
"""Defaults by the key of the kind. That a flag without a documented default is off is *assumed*."""

_ADDED: Mapping[str, tuple[Pattern, ...]] = {
    "training-job": (
        ("AlgorithmSpecification", "MetricDefinitions"),
        ("AlgorithmSpecification", "EnableSageMakerMetricsTimeSeries"),
        ("ProfilerConfig",),
        ("ProfilerRuleConfigurations",),
    ),
    "tuning-job": (
        ("TrainingJobDefinition", "StaticHyperParameters", "_tuning_objective_metric"),
        ("TrainingJobDefinitions", "*", "StaticHyperParameters", "_tuning_objective_metric"),
        ("TrainingJobDefinition", "AlgorithmSpecification", "MetricDefinitions"),
        ("TrainingJobDefinitions", "*", "AlgorithmSpecification", "MetricDefinitions"),
    ),
    "model": (("PrimaryContainer", "ModelDataSource"), ("Containers", "*", "ModelDataSource")),
    "model-package": (
        ("InferenceSpecification", "Containers", "*", "ImageDigest"),
        ("InferenceSpecification", "Containers", "*", "ModelDataETag"),
        ("InferenceSpecification", "Containers", "*", "ModelDataSource"),
        ("ModelLifeCycle",),
        ("ModelPackageRegistrationType",),
    ),
}
"""What the service adds where the request has nothing (*assumed*)."""

# API reference: the members of UpdateModelPackage, UpdateEndpoint and UpdateInferenceComponent.
_LATER: Mapping[str, tuple[Pattern, ...]] = {
    "model-package": (
        ("ModelApprovalStatus",),
        ("CustomerMetadataProperties",),
        ("AdditionalInferenceSpecifications",),
        ("ModelLifeCycle",),
    ),
    "endpoint": (("EndpointConfigName",),),
    "inference-component": (("Specification",), ("Specifications",), ("RuntimeConfig",)),
}


def rule_for(kind: ResourceKind, path: tuple[str | int, ...], described: object, requested: object) -> str:
    """Return the rule by which a difference means nothing; empty if it means something.

    Args:
        kind: The row of the resource.
        path: The place in the request.
        described: What the Describe response has there, `ABSENT` if nothing.
        requested: What the request has there, likewise.
    """
    named = {kind.token_member} if kind.verbatim_name else {kind.token_member, kind.name_member}
    if len(path) == 1 and path[0] in named - {""}:
        return NAME
    if _is_empty(described) and _is_empty(requested):
        return EMPTY
    if ABSENT in (described, requested):
        there = requested if described is ABSENT else described
        if _all_default(_DEFAULTS.get(kind.key, {}), path, there):
            return DEFAULT
        if requested is ABSENT and _below_any(_ADDED.get(kind.key, ()), path):
            return ADDED
    elif _is_arn_of(described, requested) or _is_arn_of(requested, described):
        return ARN
    return LATER if _below_any(_LATER.get(kind.key, ()), path) else ""


def _is_empty(value: object) -> bool:
    return value is ABSENT or value is None or value in ("", [], {})


def _all_default(defaults: Mapping[Pattern, Any], path: tuple[str | int, ...], value: object) -> bool:
    """Tell whether a value, or each member of an object, is the default of its place or empty."""
    for pattern, default in defaults.items():
        if _matches(pattern, path):
            return type(value) is type(default) and value == default
    if isinstance(value, Mapping):
        return all(_all_default(defaults, (*path, name), member) for name, member in value.items())
    return bool(_is_empty(value))


def _below_any(patterns: tuple[Pattern, ...], path: tuple[str | int, ...]) -> bool:
    return any(_matches(pattern, path[: len(pattern)]) for pattern in patterns)


def _matches(pattern: Pattern, path: tuple[str | int, ...]) -> bool:
    return len(pattern) == len(path) and all(
        wanted in ("*", found) for wanted, found in zip(pattern, path, strict=True)
    )


def _is_arn_of(arn: object, name: object) -> bool:
    """Tell whether a text is the ARN of what another text names: its last part, or all that follows the type."""
    if not isinstance(arn, str) or not isinstance(name, str) or not arn.startswith("arn:") or not name:
        return False
    resource = arn.split(":", 5)[-1]
    return not name.startswith("arn:") and (resource == name or resource.partition("/")[2] == name)
