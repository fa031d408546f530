"""Finds races: one step uses a literal name or S3 URI that another step creates, and does not wait for it.

The service starts such steps at the same time, and so do we: the second finds what the first one left in an earlier
run, or nothing. Definitions written by hand or by infrastructure code often have this fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

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
        hint: How to make the step wait, or what to do if it cannot.
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
    made, order = _everything_made(plans), _Order(plans)
    seen: set[tuple[str, str]] = set()
    for plan in plans:
        user = plan.step
        for path, resource, text in _used_by(user):
            producers = _producers(made, resource, text)
            # Its own output, or that of a step that it waits for: the others only write to the same place.
            if any(thing.step == user.name or order.waits(user.name, thing.step) for thing in producers):
                continue
            for thing in producers:
                pair = (user.name, thing.step)
                if pair not in seen and not order.waits(thing.step, user.name) and not order.exclude(*pair):
                    seen.add(pair)
                    yield _race(format_path(path, f"{user.path}.Arguments"), thing, order.advise_wait(*pair))


def written_uris(plans: Sequence[StepPlan]) -> Callable[[Json], bool]:
    """Return a function that tells whether a step of the pipeline writes to an S3 URI, or to a folder around it.

    Args:
        plans: The steps of the pipeline.
    """
    made = _everything_made(plans)
    return lambda uri: bool(_producers(made, "S3", (_text(uri) or "").rstrip("/")))


_MadeThings: TypeAlias = "Mapping[tuple[str, str], list[_Made]]"


def _everything_made(plans: Sequence[StepPlan]) -> _MadeThings:
    made: dict[tuple[str, str], list[_Made]] = {}
    for plan in plans:
        for thing in _made_by(plan.step):
            made.setdefault((thing.resource, thing.text), []).append(thing)
    return made


def _producers(made: _MadeThings, resource: str, text: str) -> list[_Made]:
    """Return what is created under a name, or at the longest URI that a URI is at or below."""
    while text:
        found = made.get((resource, text))
        if found or resource != "S3":
            return found or []
        text = text.rpartition("/")[0]
    return []


def _race(path: str, thing: _Made, awaited: str | None) -> Race:
    shown = thing.text.replace(_MARK, "")
    what = "output" if thing.resource == "S3" else thing.resource
    if awaited is None:
        hint = f"waiting for {thing.step} would make a cycle: give one of the two steps another {what}"
    elif awaited != thing.step:
        hint = f"add {awaited} to DependsOn: {thing.step} runs inside it"
    elif thing.resource == "S3":
        hint = f"add {thing.step} to DependsOn, or reference its output instead of repeating the URI"
    else:
        hint = f'write {{"Get": "Steps.{thing.step}.{thing.resource}"}}'
    return Race(path, f"the {what} {shown!r}", thing.step, hint)


class _Order:
    """Which step waits for which, perhaps through others.

    Args:
        plans: The steps of the pipeline.
    """

    def __init__(self, plans: Sequence[StepPlan]) -> None:
        self._steps = {plan.step.name: plan.step for plan in plans}
        edges = {plan.step.name: {edge.upstream for edge in plan.edges} for plan in plans}
        self._upstream: dict[str, set[str]] = {}
        for plan in plans:
            # A body runs inside its loop: it waits for what the loop waits for, what waits for the loop waits for it.
            of_loop = edges[plan.step.body_of] if plan.step.body_of else set()
            self._upstream[plan.step.name] = edges[plan.step.name] | of_loop | {*plan.body_steps}
        self._with_advice = {name: set(upstream) for name, upstream in self._upstream.items()}
        self._reached: dict[str, set[str]] = {}

    def waits(self, name: str, other: str) -> bool:
        """Tell whether a step waits for another one in the definition as it is."""
        if name not in self._reached:
            self._reached[name] = _reached(name, self._upstream)
        return other in self._reached[name]

    def exclude(self, name: str, other: str) -> bool:
        """Tell whether two steps are in different branches of one Condition, so that only one of them runs."""
        chosen = dict(self._branches(name))
        return any(chosen.get(condition, side) != side for condition, side in self._branches(other))

    def _branches(self, name: str) -> Iterator[tuple[str, str]]:
        step = self._steps[name]
        while step.branch or step.body_of:
            if step.branch:
                yield step.branch.condition, step.branch.side
            step = self._steps[step.branch.condition if step.branch else str(step.body_of)]

    def advise_wait(self, user: str, producer: str) -> str | None:
        """Advise that a step waits for another one.

        Returns:
            The step that it can wait for: the other one, or the loop around that. ``None`` if that would make a cycle
            with the definition, or with earlier advice.
        """
        loop, own_loop = self._steps[producer].body_of, self._steps[user].body_of
        awaited = loop if loop and loop != own_loop else producer
        if user in _reached(awaited, self._with_advice):
            return None
        self._with_advice[user].add(awaited)
        if own_loop and own_loop != loop:
            self._with_advice[own_loop].add(awaited)  # a loop waits for everything outside that its body waits for
        return awaited


def _reached(name: str, upstream: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    pending = [name]
    while pending:
        further = upstream[pending.pop()] - reached
        reached |= further
        pending += further
    return reached


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
