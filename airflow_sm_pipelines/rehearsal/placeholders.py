"""Values for what has none before a run: of the declared type, and of the form that the API wants where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from airflow_sm_pipelines.definition.expressions import Namespace
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.paths import Path

Value = str | int | float | bool

_BY_TYPE: Mapping[str, Value] = {"Integer": 1, "Float": 1.0, "Boolean": False}

# Where a text stands as a whole, the API wants a certain form of it: end of the member's name -> that form.
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
    """What references name: a parameter, or an output of a step."""

    namespace: Namespace
    name: str
    path: Path


def placeholder_of(source: Source, name: str, kind: str, pipeline: Pipeline) -> Value:
    """Return a value for what has none.

    It is 1, 1.0, false or ``rehearsal-<name>``; for a text that stands as a URI, ARN or instance type somewhere, one of
    that form.

    Args:
        source: What it is a value of.
        name: Its name.
        kind: ``String``, ``Integer``, ``Float`` or ``Boolean``.
        pipeline: The definition.
    """
    return placeholder(name, kind, _members_filled(source, pipeline))


def placeholder(name: str, kind: str, members: Iterable[str]) -> Value:
    """Return a value that fills members of requests, which say of which form a text must be; see `placeholder_of`."""
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
    """Return the member whose text begins with what stands at a path: that of a Join for its first value."""
    while path[-3:] == ("Std:Join", "Values", 0):
        path = path[:-3]
    return path
