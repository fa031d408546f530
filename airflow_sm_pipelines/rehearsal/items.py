"""What a ForEach of a rehearsal iterates over, where only a run would know: two items with what the body reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

from airflow_sm_pipelines.definition.expressions import Namespace, Reference, parse_expression
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.rehearsal.documents import with_value
from airflow_sm_pipelines.rehearsal.placeholders import beginning_of, placeholder
from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun

_ITEMS = 2
# Members of requests that hold whole numbers -> by the end of their names.
_NUMBERS = ("Count", "InGB", "InSeconds", "InMinutes", "Concurrency", "Size")


def sample_items(loop: Step, pipeline: Pipeline) -> list[Json]:
    """Return items for a ForEach step, each with the members that the steps of its body read."""
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


def choose_items(pipeline: Pipeline, scope: ScopeBeforeRun) -> None:
    """Put a list wherever a ForEach reads one that the rehearsal may choose: a text in an output, a list in a file."""
    for loop in _loops(pipeline):
        value = scope.free_value(loop.arguments.get("IterableItems"))
        if value is not None:
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
