"""The request that a job was really made from, as Describe tells it, against the request that we would have sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.definition.expressions import Unknown
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Missing
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.preview.api_models import input_shape, output_shape
from airflow_sm_pipelines.preview.json_changes import JsonChange, json_changes
from airflow_sm_pipelines.semantics.described_requests import ABSENT, NOT_DESCRIBED, rule_for

_DRAWN = ("<Execution.PipelineExecutionId>", "<token>")


@dataclass(frozen=True, slots=True)
class ComparedRequest:
    """What came of a comparison.

    Attributes:
        differences: What differs: `JsonChange.old` is theirs, `JsonChange.new` ours.
        left_out: How many differences mean nothing, by the name of the rule.
        unknown: Places that were not compared, since nobody can tell what ours would have been, with the placeholder.
    """

    differences: tuple[JsonChange, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[tuple[str, str], ...] = ()


def compare_requests(
    kind: ResourceKind,
    description: Body,
    request: Body,
    *,
    counts: Callable[[Path], bool] = lambda _: True,
) -> ComparedRequest:
    """Compare a Describe response with a Create request.

    Args:
        kind: The row of the resource.
        description: The response as plain JSON.
        request: The request, in the API's own types; placeholders for what nobody knows.
        counts: Tells whether a place is compared at all.
    """
    create, describe = input_shape(kind.service, kind.create), output_shape(kind.service, kind.describe)
    theirs, _ = _within(dict(description), create)
    ours, undescribed = _within(dict(request), describe)
    return _compared(kind, theirs, ours, Counter({NOT_DESCRIBED: undescribed} if undescribed else {}), counts)


def compare_forms(kind: ResourceKind, theirs: Body, ours: Body) -> ComparedRequest:
    """Compare what was asked for with what we would have asked for, both in one form.

    Args:
        kind: The row of the resource.
        theirs: What its Describe response tells.
        ours: What the request tells, in that form; placeholders for what nobody knows.
    """
    return _compared(kind, theirs, ours, Counter(), lambda _: True)


def _compared(
    kind: ResourceKind, theirs: Body, ours: Body, left_out: Counter[str], counts: Callable[[Path], bool]
) -> ComparedRequest:
    differences: list[JsonChange] = []
    unknown: list[tuple[str, str]] = []
    for change in json_changes(cast("Json", theirs), cast("Json", ours), order_counts=False):
        if not counts(change.path):
            continue
        rule = rule_for(kind, change.path, _side(change.old), _side(change.new))
        placeholder = None if rule else _placeholder(change.new)
        if rule:
            left_out[rule] += 1
        elif placeholder is not None:
            unknown.append((format_path(change.path), placeholder))
        else:
            differences.append(change)
    return ComparedRequest(tuple(differences), dict(left_out), tuple(unknown))


def _side(value: Json | Missing) -> object:
    return ABSENT if isinstance(value, Missing) else value


def _placeholder(value: Json | Missing) -> str | None:
    """Return the first placeholder in a value, ``None`` if it has none."""
    if isinstance(value, str):
        return str(value) if isinstance(value, Unknown) or any(drawn in value for drawn in _DRAWN) else None
    inner: Any = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for one in inner if (found := _placeholder(one)) is not None), None)


def _within(value: Any, shape: Any) -> tuple[Any, int]:
    """Return the part of a value that a shape of the API has, and how many members it does not have."""
    if shape is None:
        return value, 0
    if shape.type_name == "structure" and isinstance(value, Mapping):
        parts = {name: _within(item, shape.members[name]) for name, item in value.items() if name in shape.members}
        outside = sum(name not in shape.members for name in value)
        return {name: part for name, (part, _) in parts.items()}, outside + sum(count for _, count in parts.values())
    if shape.type_name == "list" and isinstance(value, list):
        elements = [_within(item, shape.member) for item in value]
        return [part for part, _ in elements], sum(count for _, count in elements)
    return value, 0
