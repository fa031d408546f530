"""Finds races: one step uses a literal name or S3 URI that another step creates, and does not wait for it.

The service starts such steps at the same time, and so do we: the second finds what the first one left in an earlier
run, or nothing. Definitions written by hand or by infrastructure code often have this fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airflow_sm_pipelines.definition.expressions import Join, Reference, parse_expression
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments, walk

# The member that names what a step of each type creates.
_CREATED_NAMES = {
    "Model": "ModelName",
    "EndpointConfig": "EndpointConfigName",
    "Endpoint": "EndpointName",
    "InferenceComponent": "InferenceComponentName",
}
# Members of Arguments below which S3 URIs are outputs.
_OUTPUT_MEMBERS = frozenset(
    {
        "CheckpointConfig",
        "DebugHookConfig",
        "OutputDataConfig",
        "ProcessingOutputConfig",
        "ProfilerConfig",
        "TransformOutput",
    }
)
_OUTPUT_URIS = frozenset({"S3Uri", "S3OutputPath"})


@dataclass(frozen=True, slots=True)
class Race:
    """A pair of steps of which one uses what the other creates, and neither waits for the other.

    Attributes:
        path: JSON path of the use.
        thing: What is used, for a message.
        producer: Name of the step that creates it.
        hint: How to make the step wait.
    """

    path: str
    thing: str
    producer: str
    hint: str


class _Made(NamedTuple):
    """Something that a step creates: ``resource`` is the member that names it, or ``S3``."""

    resource: str
    text: str
    step: str


def find_races(plans: Sequence[StepPlan]) -> Iterator[Race]:
    """Yield the races of a pipeline, one per pair of steps."""
    ancestors = _ancestors(plans)
    made = [thing for plan in plans for thing in _made_by(plan.step)]
    seen: set[tuple[str, str]] = set()
    for plan in plans:
        user = plan.step
        for path, resource, text in _used_by(user):
            for thing in made:
                pair = (user.name, thing.step)
                unordered = user.name not in ancestors[thing.step] and thing.step not in ancestors[user.name]
                if thing.step != user.name and unordered and pair not in seen and _is_same(resource, text, thing):
                    seen.add(pair)
                    yield _race(format_path(path, f"{user.path}.Arguments"), thing)


def _race(path: str, thing: _Made) -> Race:
    shown = thing.text.replace(_MARK, "")
    if thing.resource == "S3":
        hint = f"add {thing.step} to DependsOn, or reference its output instead of repeating the URI"
        return Race(path, f"the output {shown!r}", thing.step, hint)
    hint = f'write {{"Get": "Steps.{thing.step}.{thing.resource}"}}'
    return Race(path, f"the {thing.resource} {shown!r}", thing.step, hint)


def _ancestors(plans: Sequence[StepPlan]) -> Mapping[str, set[str]]:
    edges = {plan.step.name: {edge.upstream for edge in plan.edges} for plan in plans}
    upstream = {}
    for plan in plans:
        # A body runs inside its loop: it waits for what the loop waits for, and what waits for the loop waits for it.
        of_loop = edges[plan.step.body_of] if plan.step.body_of else set()
        upstream[plan.step.name] = edges[plan.step.name] | of_loop | {*plan.body_steps}
    ancestors: dict[str, set[str]] = {}
    for name in upstream:
        reached: set[str] = set()
        pending = [name]
        while pending:
            further = upstream[pending.pop()] - reached
            reached |= further
            pending += further
        ancestors[name] = reached
    return ancestors


def _made_by(step: Step) -> Iterator[_Made]:
    name_member = _CREATED_NAMES.get(step.type)
    name = _text(step.arguments.get(name_member)) if name_member else None
    if name_member and name:
        yield _Made(name_member, name, step.name)
    for path, value in walk(own_arguments(step)):
        if path and path[0] in _OUTPUT_MEMBERS and path[-1] in _OUTPUT_URIS:
            uri = (_text(value) or "").rstrip("/")
            # The root of a bucket, or a URI that is all variable, says nothing about what is in it.
            if uri.startswith("s3://") and uri.count("/") > 2:
                yield _Made("S3", uri, step.name)


def _used_by(step: Step) -> Iterator[tuple[Path, str, str]]:
    if STEP_TYPES[step.type].payload:
        return
    names = set(_CREATED_NAMES.values())
    for path, value in walk(own_arguments(step)):
        if not path or path[0] in _OUTPUT_MEMBERS or path == (_CREATED_NAMES.get(step.type),):
            continue
        text = _text(value)
        if text and path[-1] in names:
            yield path, str(path[-1]), text
        elif text and text.startswith("s3://"):
            yield path, "S3", text.rstrip("/")


def _is_same(resource: str, text: str, thing: _Made) -> bool:
    if resource != thing.resource:
        return False
    return text == thing.text or (resource == "S3" and text.startswith(f"{thing.text}/"))


_MARK = "\0"


def _text(value: Json) -> str | None:
    """Return a string as it is, or a Join as text with its references marked; ``None`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return str(value)
    expression = parse_expression(value)
    if isinstance(expression, Reference):
        return f"{_MARK}{{{expression.text}}}{_MARK}"
    if isinstance(expression, Join):
        parts = [_text(part) for part in expression.values]
        return None if None in parts else expression.separator.join(part for part in parts if part is not None)
    return None
