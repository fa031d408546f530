"""The S3 objects that a step's expressions read: property files, and documents that ``Std:JsonGet`` names by URI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.definition.expressions import Scope, evaluate
from airflow_sm_pipelines.definition.functions import JsonGet, parse_expression
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.property_files import property_file_uri
from airflow_sm_pipelines.definition.references import Reference
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments, walk
from airflow_sm_pipelines.errors import EvaluationError


def json_files(
    step: Step, steps: Mapping[str, Step], requests: Mapping[str, Body], scope: Scope
) -> Iterator[tuple[str, str]]:
    """Yield the S3 URI of each JSON file that a step reads, and what it reads it for; ``*`` if the place is not known.

    Args:
        step: The step.
        steps: All steps, by name.
        requests: The request that creates the resource of each step, by step.
        scope: What is known before the run.
    """
    payload = STEP_TYPES[step.type].payload
    for tree in (own_arguments(step), step.members):
        for _, value in walk(tree):
            expression = parse_expression(value, payload=payload) if isinstance(value, dict) else None
            if not isinstance(expression, JsonGet):
                continue
            if isinstance(expression.source, Reference):
                name = str(expression.source.path[0])
                owner = steps[expression.source.name]
                yield _uri(owner, name, requests), f"read the property file {name} of {owner.name}"
            else:
                yield str(evaluate(expression.source, scope)), "read the document that Std:JsonGet names"


def _uri(owner: Step, name: str, requests: Mapping[str, Body]) -> str:
    try:
        return property_file_uri(owner, name, dict(requests.get(owner.name, {})))
    except EvaluationError:
        return f"<Steps.{owner.name}.PropertyFiles.{name}>"
