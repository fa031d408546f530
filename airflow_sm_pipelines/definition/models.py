"""Pipeline, Step, Parameter and the like: a definition as frozen dataclasses.

`loading.load_pipeline` makes them; what comes out of it has passed every check of the language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, Literal

from airflow_sm_pipelines.definition.expressions import Reference
from airflow_sm_pipelines.definition.json_values import JsonObject, describe, is_64_bit, list_names
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.errors import ParameterValueError

VERSION = "2020-12-01"


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
"""The definition does not have this member, which is not the same as ``null`` or an empty value."""


class Trigger(StrEnum):
    """The outcome of the upstream step in which a dependent step runs (``DependsOn``)."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    ANY = "Any"


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A pipeline parameter.

    Attributes:
        name: Its name.
        type: ``String``, ``Integer``, ``Float`` or ``Boolean``; a definition without a type means String.
        default: The default value, typed; `MISSING` when a run must be given a value. ``false``, ``0`` and ``""``
            are defaults.
        enum_values: The only values allowed; ``None`` when every value of the type is.
        description: Free text (hand-written definitions only).
        path: Its JSON path.
    """

    name: str
    type: str = "String"
    default: str | int | float | bool | Missing = MISSING
    enum_values: tuple[str | int | float | bool, ...] | None = None
    description: str | None = None
    path: str = field(default="", repr=False)

    def coerce(self, value: object) -> str | int | float | bool:
        """Convert a start value to the parameter's type.

        ``StartPipelineExecution`` knows only strings, and the SDK writes them with ``str()``: ``"3"``, ``"True"``.
        Typed JSON values are taken as they are; a Float may be given as an integer, an Integer as ``3.0``.

        Raises:
            ParameterValueError: The value is not of the type, or not one of the enumeration.
        """
        typed = _COERCIONS[self.type](value)
        if typed is None:
            raise ParameterValueError(
                f"parameter {self.name} must be {expected_type(self.type, value)}, not {describe_value(value)}"
            )
        if self.enum_values is not None and typed not in self.enum_values:
            allowed = list_names(str(allowed) for allowed in self.enum_values)
            raise ParameterValueError(f"parameter {self.name} must be one of {allowed}, not {describe_value(value)}")
        return typed


@dataclass(frozen=True, slots=True)
class Dependency:
    """One entry of ``DependsOn``: the step runs when ``step`` has ended as ``trigger`` says.

    Attributes:
        step: Name of the upstream step.
        trigger: How it must have ended.
        path: JSON path of the entry.
    """

    step: str
    trigger: Trigger = Trigger.COMPLETED
    path: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class PropertyFile:
    """A JSON file that a Processing step writes, for ``Std:JsonGet``.

    Attributes:
        name: Name in references; unique in its step.
        output_name: The processing output that holds the file.
        file_path: Path of the file below the output's S3 URI.
        path: JSON path of the entry.
    """

    name: str
    output_name: str
    file_path: str
    path: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """One entry of ``RetryPolicies``; a member that is not given is ``None``.

    Attributes:
        exception_types: The exception types it applies to, e.g. ``SageMaker.CAPACITY_ERROR``.
        interval_seconds: Seconds before the first retry; the service's default is 1.
        backoff_rate: Factor by which the interval grows with each retry; the service's default is 2.0.
        max_attempts: Number of *retries*, 0 for none; 5 when neither this nor ``expire_after_min`` is given.
        expire_after_min: Minutes after which no retry is started.
    """

    exception_types: tuple[str, ...]
    interval_seconds: int | None = None
    backoff_rate: float | None = None
    max_attempts: int | None = None
    expire_after_min: int | None = None


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """``CacheConfig`` of a step.

    Attributes:
        enabled: Whether the result of an earlier run may be used.
        expire_after: How old it may be, as written: an ISO 8601 duration whose ``P`` and case are free (``30d``,
            ``PT1H``, ``T16m``), or ``None``; any text when caching is not enabled.
    """

    enabled: bool
    expire_after: str | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch of a Condition that directly contains a step.

    Attributes:
        condition: Name of the Condition.
        side: Which of its branches.
    """

    condition: str
    side: Literal["if", "else"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step, anywhere in the definition.

    Attributes:
        name: Unique in the pipeline.
        type: A name of `step_types.STEP_TYPES`.
        arguments: ``Arguments`` as the user wrote them, expressions unevaluated; of a Condition or ForEach with the
            nested steps inside. Treat as read-only.
        members: The type's own members at step level, as written (``FunctionArn``, ``SkipCheck`` ...).
        display_name: ``DisplayName``, or ``None``.
        description: ``Description``, or ``None``.
        depends_on: ``DependsOn``.
        retry_policies: ``RetryPolicies``, in their order.
        cache_config: ``CacheConfig``, or ``None``.
        property_files: ``PropertyFiles``.
        path: Its JSON path, e.g. ``Steps[1].Arguments.IfSteps[0]``.
        branch: The branch that directly contains it, or ``None``.
        body_of: The ForEach step whose body contains it, or ``None``.
        references: Every reference in the step, nested steps excluded, with its path from the step.
    """

    name: str
    type: str
    arguments: JsonObject
    members: JsonObject = field(default_factory=dict)
    display_name: str | None = None
    description: str | None = None
    depends_on: tuple[Dependency, ...] = ()
    retry_policies: tuple[RetryPolicy, ...] = ()
    cache_config: CacheConfig | None = None
    property_files: tuple[PropertyFile, ...] = ()
    path: str = ""
    branch: Branch | None = None
    body_of: str | None = None
    references: tuple[tuple[Path, Reference], ...] = field(default=(), repr=False)


_OUTCOMES = {
    Trigger.COMPLETED: "",
    Trigger.FAILED: "failed",
    Trigger.STOPPED: "stopped",
    Trigger.ANY: "however it ends",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge of the graph: a step waits for ``upstream`` to end as ``trigger`` says.

    Attributes:
        upstream: Name of the step that is waited for.
        trigger: The outcome of it in which the waiting step runs.
        branch: Set on the edge from a Condition to a step of one of its branches: that branch must be chosen, too.
    """

    upstream: str
    trigger: Trigger
    branch: Literal["if", "else"] | None

    @property
    def outcome(self) -> str:
        """What of the upstream step it waits for, in words: ``if``, ``failed``; empty if that is success."""
        return self.branch or _OUTCOMES[self.trigger]


@dataclass(frozen=True, slots=True, eq=False)
class StepPlan:
    """A step with its place in the graph.

    Attributes:
        step: The step.
        edges: What it waits for, sorted by name, one edge per upstream step.
        if_steps: Of a Condition: names of the steps directly in its IfSteps.
        else_steps: Of a Condition: names of the steps directly in its ElseSteps.
        body_steps: Of a ForEach: names of the steps of its body.
    """

    step: Step
    edges: tuple[Edge, ...]
    if_steps: tuple[str, ...] = ()
    else_steps: tuple[str, ...] = ()
    body_steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineResource:
    """What a pipeline of the service has beside its definition; every member may be missing.

    Source: API reference, CreatePipeline and DescribePipeline.

    Attributes:
        name: ``PipelineName``.
        role_arn: ``RoleArn``: the role of steps that name none.
        description: ``PipelineDescription``.
        tags: ``Tags``: key and value of each.
        max_parallel_steps: ``ParallelismConfiguration.MaxParallelExecutionSteps``.
        unresolved: JSON paths of members that hold a CloudFormation function, whose value is not known.
        arn: ``PipelineArn``, which tells account and region.
    """

    name: str | None = None
    role_arn: str | None = None
    description: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    max_parallel_steps: int | None = None
    unresolved: tuple[str, ...] = ()
    arn: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """A pipeline definition.

    Attributes:
        version: Always ``2020-12-01``.
        metadata: ``Metadata``: free strings without effect.
        parameters: ``Parameters``, in their order.
        experiment_config: ``PipelineExperimentConfig``, unevaluated; ``None`` when it is absent or ``null``: the
            pipeline has no experiment. A member left out of it means the service's default: the pipeline's name, the
            execution's id.
        mlflow_config: ``MlflowConfig``, unevaluated; ``None`` when it is absent or ``null``.
        steps: All steps in document order; a Condition stands before the steps of its branches, a ForEach before its
            body.
        plans: One plan per step, in the order of ``steps``.
        document: The definition as JSON, read. Treat as read-only.
        digest: sha256 of the source's JSON text, in hex.
        length: Length of that text in characters, without its indentation.
        source: Where the definition came from: a file name, ``<dict>`` or ``<text>``.
        resource: What the request, the answer or the resource around the definition says.
    """

    version: str
    metadata: dict[str, str]
    parameters: tuple[Parameter, ...]
    experiment_config: JsonObject | None
    mlflow_config: JsonObject | None
    steps: tuple[Step, ...]
    plans: tuple[StepPlan, ...] = field(repr=False)
    digest: str
    source: str
    resource: PipelineResource = PipelineResource()
    document: JsonObject = field(default_factory=dict, repr=False)
    length: int = 0

    def step(self, name: str) -> Step:
        """Return a step by its name.

        Raises:
            KeyError: There is no such step.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def parameter(self, name: str) -> Parameter:
        """Return a parameter by its name.

        Raises:
            KeyError: There is no such parameter.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)


def describe_value(value: object) -> str:
    """Describe any Python value for a message."""
    is_json = value is None or isinstance(value, (str, int, float, dict, list))
    return describe(value) if is_json else f"a {type(value).__name__}"  # type: ignore[arg-type]


TYPE_IN_WORDS = {
    "String": "a string",
    "Integer": "an integer",
    "Float": "a number",
    "Boolean": "true or false",
}


def expected_type(parameter_type: str, found: object) -> str:
    """Describe a type for the message about a value that is not of it."""
    is_too_long = parameter_type == "Integer" and _whole_number(found) is not None
    return "an integer of at most 64 bits" if is_too_long else TYPE_IN_WORDS[parameter_type]


# Python's int() and float() also read "1_000" and "nan".
_INTEGER_TEXT = r"\s*[+-]?[0-9]{1,400}\s*"
_FLOAT_TEXT = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"


def _to_string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _to_integer(value: object) -> int | None:
    number = _whole_number(value)
    return number if number is not None and is_64_bit(number) else None


def _whole_number(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch(_INTEGER_TEXT, value, re.ASCII) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _to_float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, str) and not re.fullmatch(_FLOAT_TEXT, value, re.ASCII):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _to_boolean(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().casefold())
    return value if isinstance(value, bool) else None


_COERCIONS: dict[str, Callable[[object], str | int | float | bool | None]] = {
    "String": _to_string,
    "Integer": _to_integer,
    "Float": _to_float,
    "Boolean": _to_boolean,
}
PARAMETER_TYPES = tuple(_COERCIONS)
