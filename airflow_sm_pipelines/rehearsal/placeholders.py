"""Values for what has none before a run: parameters, declared outputs, and the items of a ForEach.

They are of the declared type, and of the form that the API wants where they are used.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from airflow_sm_pipelines.definition.expressions import Namespace, Reference, parse_expression
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import MISSING, Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.rehearsal.documents import FreeValue, with_value

if TYPE_CHECKING:
    from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun

Value = str | int | float | bool

_BY_TYPE: Mapping[str, Value] = {"Integer": 1, "Float": 1.0, "Boolean": False}
_ITEMS = 2
# Ends of the names of members that hold whole numbers.
_NUMBERS = ("Count", "InGB", "InSeconds", "InMinutes", "Concurrency", "Size")

# End of a member's name -> the form that the API wants of a text there.
_BY_MEMBER = (
    ("ImageUri", "rehearsal-{}"),
    ("QueueUrl", "https://sqs.us-west-2.amazonaws.com/123456789012/rehearsal-{}"),
    ("Uri", "s3://rehearsal/{}"),
    ("Url", "s3://rehearsal/{}"),
    ("S3OutputPath", "s3://rehearsal/{}"),
    ("Arn", "arn:aws:iam::123456789012:role/rehearsal-{}"),
    ("InstanceType", "ml.m5.large"),
)


class Source(NamedTuple):
    """What references name: a parameter or an output of a step."""

    namespace: Namespace
    name: str
    path: Path


def placeholder_of(source: Source, name: str, kind: str, pipeline: Pipeline) -> Value:
    """Return a value for a parameter or an output that has none.

    It is 1, 1.0, false or ``rehearsal-<name>``; a text that is used as a URI, ARN or instance type gets that form.

    Args:
        source: What needs the value.
        name: Its name.
        kind: ``String``, ``Integer``, ``Float`` or ``Boolean``.
        pipeline: The definition.
    """
    return placeholder(name, kind, _members_filled(source, pipeline))


def placeholder(name: str, kind: str, members: Iterable[str]) -> Value:
    """Return a value for members of requests, whose names say which form a text must have; see `placeholder_of`."""
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    for member in members:
        for ending, form in _BY_MEMBER:
            if member.endswith(ending):
                return form.format(name)
    return f"rehearsal-{name}"


def _members_filled(source: Source, pipeline: Pipeline) -> Iterator[str]:
    """Yield the members that references to one source fill."""
    for step in pipeline.steps:
        for path, reference in step.references:
            if (reference.namespace, reference.name, reference.path) == source:
                yield str(beginning_of(path)[-1])


def beginning_of(path: Path) -> Path:
    """Return the path of the text that begins with the value at a path, i.e. of the Join whose first value it is."""
    while path[-3:] == ("Std:Join", "Values", 0):
        path = path[:-3]
    return path


def rehearsal_parameters(pipeline: Pipeline, given: Mapping[str, Value]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return the values of all parameters, and the names of those that are placeholders.

    A placeholder is the first value of an enumeration, else what `placeholder_of` says.

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
            source = Source(Namespace.PARAMETER, parameter.name, ())
            values[parameter.name] = (
                parameter.enum_values[0]
                if parameter.enum_values
                else placeholder_of(source, parameter.name, parameter.type, pipeline)
            )
            placeholders.append(parameter.name)
    return values, tuple(placeholders)


def sample_items(loop: Step, pipeline: Pipeline) -> list[Json]:
    """Return two items for a ForEach step, each with the members that the steps of its body read."""
    read: dict[Path, list[str]] = {}
    for step in pipeline.steps:
        for path, reference in step.references if step.body_of == loop.name else ():
            if reference.namespace is Namespace.CURRENT_ITEM:
                read.setdefault(reference.path, []).append(str(beginning_of(path)[-1]))
    return [_item(f"item-{number}", read) for number in range(_ITEMS)]


def items_of_parameters(pipeline: Pipeline) -> dict[str, str]:
    """Return parameter -> a JSON list, for each parameter that a ForEach iterates over."""
    return {
        found.name: json.dumps(sample_items(loop, pipeline))
        for loop in _loops(pipeline)
        if isinstance(found := parse_expression(loop.arguments.get("IterableItems")), Reference)
        and found.namespace is Namespace.PARAMETER
    }


def choose_items(pipeline: Pipeline, scope: ScopeBeforeRun, kept: Collection[FreeValue]) -> None:
    """Set what ForEach steps iterate over, where the rehearsal may choose it: JSON text in an output, else a list.

    Args:
        pipeline: The definition.
        scope: The values.
        kept: Those that the user or the definition has chosen.
    """
    for loop in _loops(pipeline):
        value = scope.free_value(loop.arguments.get("IterableItems"))
        if value is not None and value not in kept:
            items: list[Json] = sample_items(loop, pipeline)
            value.set(items if value.takes(items) else json.dumps(items))


def _loops(pipeline: Pipeline) -> Iterator[Step]:
    return (step for step in pipeline.steps if step.type == "ForEach")


def _item(name: str, read: dict[Path, list[str]]) -> Json:
    if not read:
        return name
    item: Json = None
    for path in sorted(read, key=len):
        kind = "Integer" if any(member.endswith(_NUMBERS) for member in read[path]) else "String"
        item = with_value(item, path, placeholder(name, kind, read[path]))
    return item
