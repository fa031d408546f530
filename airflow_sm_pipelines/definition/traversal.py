"""Walks through the JSON of a definition."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.definition.step_arguments import NESTED_STEPS


def own_arguments(step: Step) -> JsonObject:
    """Return the Arguments of a step without the steps of its branches or its body."""
    nested = NESTED_STEPS.get(step.type, ())
    return {name: value for name, value in step.arguments.items() if name not in nested}


def walk(tree: Json) -> Iterator[tuple[Path, Json]]:
    """Yield every value in a JSON tree with its path, in document order."""
    pending: list[tuple[Path, Json]] = [((), tree)]
    while pending:
        path, value = pending.pop()
        yield path, value
        if isinstance(value, dict):
            pending += [((*path, key), member) for key, member in value.items()][::-1]
        elif isinstance(value, list):
            pending += [((*path, index), element) for index, element in enumerate(value)][::-1]
