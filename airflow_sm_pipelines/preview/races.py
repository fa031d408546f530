"""Finds races: one step uses a literal name or S3 URI that another step creates, and does not wait for it.

The service starts such steps at the same time, and so do we: the second finds what the first one left in an earlier
run, or nothing. Definitions written by hand or by infrastructure code often have this fault.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
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
        others: How many other steps create it, too, or what is around it.
        hint: How to make the step wait.
    """

    path: str
    thing: str
    producer: str
    others: int
    hint: str


class _Made(NamedTuple):
    """Something that a step creates: ``resource`` is the member that names it, or ``S3``."""

    resource: str
    text: str
    step: str


def find_races(plans: Sequence[StepPlan]) -> Iterator[Race]:
    """Yield the races of a pipeline, so that each pair of steps is in one of them.

    Sets of steps are integers with a bit for each step: a definition of 600 steps has 360,000 pairs.
    """
    orders = _Orders(plans)
    makers = _makers(plans, orders)
    for plan in plans:
        user = plan.step
        pending = orders.unordered(user.name)
        for path, resource, text in _used_by(user) if pending else ():
            found = [makers[key] for key in _keys_of(resource, text) if key in makers]
            racing = functools.reduce(operator.or_, (made.steps & pending for made in found), 0)
            if racing:
                first = (racing & -racing).bit_length() - 1
                thing = next(made.things[first] for made in found if first in made.things)
                yield _race(format_path(path, f"{user.path}.Arguments"), thing, racing.bit_count() - 1)
                pending &= ~racing


@dataclass(frozen=True, slots=True)
class _Makers:
    """The steps that create one thing.

    Attributes:
        steps: The set of them.
        things: What each creates, by its position.
    """

    steps: int
    things: Mapping[int, _Made]


def _makers(plans: Sequence[StepPlan], orders: _Orders) -> dict[tuple[str, str], _Makers]:
    things: dict[tuple[str, str], dict[int, _Made]] = {}
    for plan in plans:
        for thing in _made_by(plan.step):
            of_key = things.setdefault((thing.resource, thing.text), {})
            of_key.setdefault(orders.position[thing.step], thing)
    return {
        key: _Makers(orders.set_of(thing.step for thing in of_key.values()), of_key) for key, of_key in things.items()
    }


def _keys_of(resource: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield what may have been created so that a use finds it: the thing itself, and for S3 each folder above it."""
    yield resource, text
    if resource == "S3":
        yield from (("S3", text[: match.start()]) for match in re.finditer("/", text))


def _race(path: str, thing: _Made, others: int) -> Race:
    shown = thing.text.replace(_MARK, "")
    if thing.resource == "S3":
        hint = f"add {thing.step} to DependsOn, or reference its output instead of repeating the URI"
        return Race(path, f"the output {shown!r}", thing.step, others, hint)
    hint = f'write {{"Get": "Steps.{thing.step}.{thing.resource}"}}'
    return Race(path, f"the {thing.resource} {shown!r}", thing.step, others, hint)


class _Orders:
    """Which steps wait, directly or indirectly, for which others.

    Args:
        plans: All steps.

    Attributes:
        position: The position of each step in the document.
    """

    def __init__(self, plans: Sequence[StepPlan]) -> None:
        self.position = {plan.step.name: index for index, plan in enumerate(plans)}
        upstream = _upstream(plans)
        order = list(TopologicalSorter(upstream).static_order())
        self._before = dict.fromkeys(order, 0)
        self._after = dict.fromkeys(order, 0)
        for name in order:
            for other in upstream[name]:
                self._before[name] |= self._before[other] | self.set_of([other])
        for name in reversed(order):
            for other in upstream[name]:
                self._after[other] |= self._after[name] | self.set_of([name])

    def set_of(self, names: Iterable[str]) -> int:
        """Return a set of steps."""
        return functools.reduce(operator.or_, (1 << self.position[name] for name in names), 0)

    def unordered(self, name: str) -> int:
        """Return the set of the other steps for which a step does not wait, and that do not wait for it."""
        every = (1 << len(self.position)) - 1
        return every & ~(self._before[name] | self._after[name] | self.set_of([name]))


def _upstream(plans: Sequence[StepPlan]) -> dict[str, set[str]]:
    edges = {plan.step.name: {edge.upstream for edge in plan.edges} for plan in plans}
    upstream = {}
    for plan in plans:
        # A body runs inside its loop: it waits for what the loop waits for, and what waits for the loop waits for it.
        of_loop = edges[plan.step.body_of] if plan.step.body_of else set()
        upstream[plan.step.name] = edges[plan.step.name] | of_loop | {*plan.body_steps}
    return upstream


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
