"""Values of pipeline parameters in a rehearsal: the given ones, the defaults, and placeholders for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_sm_pipelines.definition.expressions import Namespace
from airflow_sm_pipelines.definition.models import MISSING, Parameter, Pipeline
from airflow_sm_pipelines.definition.paths import Path

Value = str | int | float | bool

_BY_TYPE: Mapping[str, Value] = {"Integer": 1, "Float": 1.0, "Boolean": False}

# Where a text stands as a whole, the API wants a certain form of it: end of the member's name -> that form.
_BY_MEMBER = (
    ("ImageUri", "rehearsal-{}"),
    ("Uri", "s3://rehearsal/{}"),
    ("Url", "s3://rehearsal/{}"),
    ("S3OutputPath", "s3://rehearsal/{}"),
    ("Arn", "arn:aws:iam::123456789012:role/rehearsal-{}"),
    ("InstanceType", "ml.m5.large"),
)


def rehearsal_parameters(pipeline: Pipeline, given: Mapping[str, Value]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return the values of all parameters, and the names of those that are placeholders.

    A placeholder is the first value of an enumeration, else 1, 1.0, false or ``rehearsal-<name>``; for a text that
    stands as a URI, ARN or instance type somewhere, one of that form.

    Args:
        pipeline: The definition.
        given: Values given by the user, typed.
    """
    values: dict[str, Value] = {}
    placeholders = []
    for parameter in pipeline.parameters:
        if parameter.name in given:
            values[parameter.name] = given[parameter.name]
        elif parameter.default is not MISSING:
            values[parameter.name] = parameter.default
        else:
            values[parameter.name] = _placeholder(parameter, pipeline)
            placeholders.append(parameter.name)
    return values, tuple(placeholders)


def _placeholder(parameter: Parameter, pipeline: Pipeline) -> Value:
    if parameter.enum_values:
        return parameter.enum_values[0]
    if parameter.type in _BY_TYPE:
        return _BY_TYPE[parameter.type]
    for member in _members_that_it_fills(parameter.name, pipeline):
        for ending, form in _BY_MEMBER:
            if member.endswith(ending):
                return form.format(parameter.name)
    return f"rehearsal-{parameter.name}"


def _members_that_it_fills(name: str, pipeline: Pipeline) -> Iterator[str]:
    for step in pipeline.steps:
        for path, reference in step.references:
            if reference.namespace is Namespace.PARAMETER and reference.name == name:
                yield str(_beginning_of(path)[-1])


def _beginning_of(path: Path) -> Path:
    """Return the member whose text begins with what stands at a path: that of a Join for its first value."""
    while path[-3:] == ("Std:Join", "Values", 0):
        path = path[:-3]
    return path
