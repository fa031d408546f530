"""Which attributes of a step decide whether the result of an earlier run can stand for it.

Source: developer guide, "Default cache key attributes by pipeline step type", which lists eight types. What the SDK
writes ``CacheConfig`` on beside them has *assumed* rows: all that decides the result, without names and roles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.paths import Path

Signature: TypeAlias = "Mapping[str, str]"
"""Attribute -> digest of its value; ``""`` for one that is absent."""

ARGUMENTS = "Arguments"
MODEL_NAME = "ModelName"
"""The attribute that names a model. Its name is new in each run, so the model's containers are compared instead."""

_DIGEST_LENGTH = 32


@dataclass(frozen=True, slots=True)
class CacheKey:
    """The attributes of one step type.

    Attributes:
        step_type: ``Type`` of the step.
        arguments: Members of Arguments, and of their objects (``TrainingJobDefinition.TuningObjective``).
        members: Members at step level; ``Arguments`` stands for all of a payload.
        cannot_be_described: Whether no API tells what the step has answered, so that its outputs are kept.
    """

    step_type: str
    arguments: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    cannot_be_described: bool = False

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of all attributes, in the order in which they are compared."""
        return (*self.members, *self.arguments)

    @property
    def compares_model(self) -> bool:
        """Whether a model is compared by its containers."""
        return MODEL_NAME in self.attributes

    def attribute_at(self, path: Path) -> str:
        """Return the attribute that holds a place of the step.

        Args:
            path: Path of the place, from the step.

        Returns:
            The attribute; ``""`` if the place does not count.
        """
        if path[:1] != (ARGUMENTS,):
            return str(path[0]) if path[:1] and path[0] in self.members else ""
        if ARGUMENTS in self.members:
            return ARGUMENTS
        below = path[1:]
        found = (name for name in self.arguments if below[: name.count(".") + 1] == tuple(name.split(".")))
        return next(found, "")


def _within(parent: str, *children: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{child}" for child in children)


# The guide lists the SDK's objects: of the configuration of a check and of its job, this is what the definition has.
# The place of the outputs does not count.
_CHECK_ARGUMENTS = (
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingResources",
    "NetworkConfig",
    "RoleArn",
    "StoppingCondition",
)
_CHECK_MEMBERS = (
    "CheckType",
    "SkipCheck",
    "RegisterNewBaseline",
    "ModelPackageGroupName",
    "SuppliedBaselineConstraints",
)

_ROWS = (
    CacheKey("Processing", ("AppSpecification", "Environment", "ProcessingInputs")),
    CacheKey(
        "Training",
        (
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ),
    ),
    CacheKey(
        "Tuning",
        (
            "HyperParameterTuningJobConfig",
            *_within(
                "TrainingJobDefinition",
                "AlgorithmSpecification",
                "HyperParameterRanges",
                "InputDataConfig",
                "StaticHyperParameters",
                "TuningObjective",
            ),
            "TrainingJobDefinitions",
        ),
    ),
    CacheKey(
        "AutoML",
        (
            *_within("AutoMLJobConfig", "CompletionCriteria", "CandidateGenerationConfig", "DataSplitConfig", "Mode"),
            "AutoMLJobObjective",
            "InputDataConfig",
            "ProblemType",
        ),
    ),
    CacheKey("Transform", ("DataProcessing", "Environment", MODEL_NAME, "TransformInput")),
    CacheKey("ClarifyCheck", _CHECK_ARGUMENTS, (*_CHECK_MEMBERS, MODEL_NAME)),
    CacheKey("QualityCheck", _CHECK_ARGUMENTS, (*_CHECK_MEMBERS, "SuppliedBaselineStatistics")),
    # The guide does not say what counts for a step with a cluster of its own: assumed, that cluster's configuration.
    CacheKey("EMR", ("ClusterId", "ClusterConfig", "StepConfig")),
    # Not in the guide, but the SDK writes CacheConfig.
    CacheKey("EMRServerless", ("ApplicationId", "JobConfig")),
    CacheKey("Job", ("JobCategory", "JobConfigSchemaVersion", "JobConfigDocument")),
    CacheKey("Lambda", members=("FunctionArn", "OutputParameters", ARGUMENTS), cannot_be_described=True),
    CacheKey("Callback", members=("SqsQueueUrl", "OutputParameters", ARGUMENTS), cannot_be_described=True),
)

CACHE_KEYS: Mapping[str, CacheKey] = {row.step_type: row for row in _ROWS}
"""The rows by step type."""

_NEVER_REUSED: Mapping[str, str] = {
    "Endpoint": "an endpoint may change after the run that deployed it, so the step always checks it",
    "EndpointConfig": "the step uses an endpoint configuration of this name anyway if there is one",
}
_APPLICATION_IS_GONE = "the application of its ApplicationConfig is deleted after each run, together with its job runs"


def never_reused(step: Step) -> str:
    """Return why no result of a step can be reused, whatever its ``CacheConfig`` says; empty if one can.

    Args:
        step: A step whose type allows ``CacheConfig``.
    """
    if step.type == "EMRServerless" and "ApplicationConfig" in step.arguments:
        return _APPLICATION_IS_GONE
    return _NEVER_REUSED.get(step.type, "")


def cache_key_of(step: Step) -> CacheKey | None:
    """Return what is compared of a step that reuses results; ``None`` if it does not.

    Caching is off unless ``CacheConfig`` turns it on (developer guide, "Caching pipeline steps").
    """
    if step.cache_config is None or not step.cache_config.enabled or never_reused(step):
        return None
    return CACHE_KEYS.get(step.type)


def signature_of(
    key: CacheKey, arguments: Mapping[str, Json], members: Mapping[str, Json], containers: Json = None
) -> Signature:
    """Return the signature of a step: a digest of each attribute, so that no value is kept anywhere.

    Args:
        key: The attributes of its type.
        arguments: Its resolved Arguments, in the API's own types.
        members: The resolved members at step level.
        containers: What the model consists of that the step names; ``None`` to compare the name.
    """
    values = dict(_values(key, arguments, members))
    if containers is not None and MODEL_NAME in values:
        values[MODEL_NAME] = containers
    return {name: _digest(value) for name, value in values.items()}


def _values(key: CacheKey, arguments: Mapping[str, Json], members: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for name in key.members:
        yield name, dict(arguments) if name == ARGUMENTS else members.get(name)
    for name in key.arguments:
        value: Json = dict(arguments)
        for segment in name.split("."):
            value = value.get(segment) if isinstance(value, dict) else None
        yield name, value


def _digest(value: Json) -> str:
    return "" if value is None else digest(value)


def digest(value: Json) -> str:
    """Return a digest of a JSON value; the order of the members of objects does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
