"""Reads what stands around a definition: the members of a pipeline that the definition itself does not have.

They are those of a request or answer of CreatePipeline, UpdatePipeline or DescribePipeline (API reference), and of a
CloudFormation resource of the type ``AWS::SageMaker::Pipeline``; all have the same names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import PipelineResource
from airflow_sm_pipelines.definition.shapes import (
    LIST,
    OBJECT,
    STRING,
    Faults,
    Member,
    read_members,
    whole_number_in,
)

_RESOURCE = (
    Member("PipelineName", STRING, nullable=True),
    Member("PipelineArn", STRING, nullable=True),
    Member("RoleArn", STRING, nullable=True),
    Member("PipelineDescription", STRING, nullable=True),
    Member("Tags", LIST, nullable=True),
    Member("ParallelismConfiguration", OBJECT, nullable=True),
)
RESOURCE_MEMBERS = frozenset(member.name for member in _RESOURCE)
"""The members that count."""

_TAG = (Member("Key", STRING, required=True), Member("Value", STRING, required=True))
# The API gives no maximum.
_PARALLELISM = (Member("MaxParallelExecutionSteps", whole_number_in(1, 2**31 - 1), required=True),)


def read_resource(document: JsonObject, path: str, faults: Faults) -> PipelineResource:
    """Return what an object that contains a definition says of the pipeline.

    Args:
        document: The object; members that do not count, such as ``CreationTime``, are left alone.
        path: Its JSON path.
        faults: Where faults are noted.
    """
    unresolved: list[str] = []
    plain = cast("JsonObject", _without_functions(document, path, unresolved))
    members = read_members(plain, path, _RESOURCE, faults, noun="a pipeline", is_open=True)
    return PipelineResource(
        name=_text(members.get("PipelineName")),
        role_arn=_text(members.get("RoleArn")),
        description=_text(members.get("PipelineDescription")),
        tags=tuple(_tags(members.get("Tags"), f"{_below(path)}Tags", faults)),
        max_parallel_steps=_max_parallel_steps(members, f"{_below(path)}ParallelismConfiguration", faults),
        unresolved=tuple(unresolved),
        arn=_text(members.get("PipelineArn")),
    )


def is_function(value: Json) -> bool:
    """Tell whether a value is a CloudFormation function, which only a deployment resolves."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))


def _without_functions(document: JsonObject, path: str, unresolved: list[str]) -> Json:
    """Return the members of a pipeline without those whose value is a CloudFormation function; note their paths."""
    kept: JsonObject = {}
    for member in _RESOURCE:
        value, place = document.get(member.name), f"{_below(path)}{member.name}"
        if _has_function(value):
            unresolved.append(place)
        elif value is not None:
            kept[member.name] = value
    return kept


def _has_function(value: Json) -> bool:
    if is_function(value):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_function(one) for one in inner)


def _below(path: str) -> str:
    return f"{path}." if path else ""


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _tags(value: Json, path: str, faults: Faults) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        tag = read_members(entry, f"{path}[{index}]", _TAG, faults, noun="a tag")
        if len(tag) == len(_TAG):
            yield str(tag["Key"]), str(tag["Value"])


def _max_parallel_steps(members: JsonObject, path: str, faults: Faults) -> int | None:
    value = members.get("ParallelismConfiguration")
    if value is None:
        return None
    found = read_members(value, path, _PARALLELISM, faults, noun="a ParallelismConfiguration")
    most = found.get("MaxParallelExecutionSteps")
    return int(most) if isinstance(most, (int, float)) else None
