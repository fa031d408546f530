"""Finds races: one step uses a literal name or S3 URI that another step creates, and does not wait for it.

The service starts such steps at the same time, and so do we: the second finds what the first one left in an earlier
run, or nothing. Definitions written by hand or by infrastructure code often have this fault.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
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
    """Steps of which one uses what others create, and neither waits for the other.

    Attributes:
        path: JSON path of the use.
        thing: What is used, for a message.
        producer: Name of the step that creates it.
        others: How many other steps create it, too.
        hint: How to make the step wait, or what to do if it cannot.
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
    advice = _Advice(orders)
    for plan in plans:
        user = plan.step
        pending = orders.unordered(user.name)
        for path, resource, text in _used_by(user) if pending else ():
            made = _nearest(makers, resource, text)
            # Its own output, or that of a step that it waits for: the others only write to the same place.
            if made is None or made.steps & orders.up_to(user.name):
                continue
            racing = made.steps & pending
            if racing:
                thing = made.things[(racing & -racing).bit_length() - 1]
                others = racing.bit_count() - 1
                awaited = advice.wait(user, orders.steps[thing.step])
                yield _race(format_path(path, f"{user.path}.Arguments"), thing, others, awaited)
                pending &= ~racing


def written_uris(plans: Sequence[StepPlan]) -> Callable[[Json], bool]:
    """Return a function that tells whether a step of the pipeline writes to an S3 URI, or to a folder around it.

    Args:
        plans: The steps of the pipeline.
    """
    makers = _makers(plans, _Orders(plans))
    return lambda uri: _nearest(makers, "S3", (_text(uri) or "").rstrip("/")) is not None


@dataclass(frozen=True, slots=True)
class _Makers:
    """The steps that create one thing.

    Attributes:
        steps: The set of them.
        things: What each creates, by its position.
    """

    steps: int
    things: Mapping[int, _Made]


_MadeThings: TypeAlias = "Mapping[tuple[str, str], _Makers]"


def _makers(plans: Sequence[StepPlan], orders: _Orders) -> _MadeThings:
    things: dict[tuple[str, str], dict[int, _Made]] = {}
    for plan in plans:
        for thing in _made_by(plan.step):
            of_key = things.setdefault((thing.resource, thing.text), {})
            of_key.setdefault(orders.position[thing.step], thing)
    return {
        key: _Makers(orders.set_of(thing.step for thing in of_key.values()), of_key) for key, of_key in things.items()
    }


def _nearest(makers: _MadeThings, resource: str, text: str) -> _Makers | None:
    """Return who creates a thing; of an S3 URI, what is written there, or to the innermost folder around it."""
    while text:
        if (resource, text) in makers:
            return makers[resource, text]
        text = text.rpartition("/")[0] if resource == "S3" else ""
    return None


def _race(path: str, thing: _Made, others: int, awaited: str | None) -> Race:
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
    return Race(path, f"the {what} {shown!r}", thing.step, others, hint)


class _Orders:
    """Which steps wait, directly or indirectly, for which others.

    Args:
        plans: All steps.

    Attributes:
        steps: The steps by name.
        position: The position of each step in the document.
        before: The set of steps for which each step waits.
    """

    def __init__(self, plans: Sequence[StepPlan]) -> None:
        self.steps = {plan.step.name: plan.step for plan in plans}
        self.position = {plan.step.name: index for index, plan in enumerate(plans)}
        upstream = _upstream(plans)
        order = list(TopologicalSorter(upstream).static_order())
        self.before = dict.fromkeys(order, 0)
        self._after = dict.fromkeys(order, 0)
        for name in order:
            for other in upstream[name]:
                self.before[name] |= self.before[other] | self.set_of([other])
        for name in reversed(order):
            for other in upstream[name]:
                self._after[other] |= self._after[name] | self.set_of([name])
        self._inside: dict[tuple[str, str], int] = {}
        for name in self.position:
            for branch in self._branches(name):
                self._inside[branch] = self._inside.get(branch, 0) | self.set_of([name])

    def set_of(self, names: Iterable[str]) -> int:
        """Return a set of steps."""
        return functools.reduce(operator.or_, (1 << self.position[name] for name in names), 0)

    def up_to(self, name: str) -> int:
        """Return the set of a step and those for which it waits."""
        return self.before[name] | self.set_of([name])

    def unordered(self, name: str) -> int:
        """Return the set of the steps that may run while a step runs.

        It does not wait for them, they do not wait for it, and no Condition chooses between them.
        """
        every = (1 << len(self.position)) - 1
        never = 0
        for condition, side in self._branches(name):
            never |= self._inside.get((condition, _OTHER_SIDE[side]), 0)
        return every & ~(self.up_to(name) | self._after[name] | never)

    def _branches(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield Condition and side of each branch around a step."""
        step = self.steps[name]
        while step.branch or step.body_of:
            if step.branch:
                yield step.branch.condition, step.branch.side
            step = self.steps[step.branch.condition if step.branch else str(step.body_of)]


_OTHER_SIDE = {"if": "else", "else": "if"}


def _upstream(plans: Sequence[StepPlan]) -> dict[str, set[str]]:
    edges = {plan.step.name: {edge.upstream for edge in plan.edges} for plan in plans}
    upstream = {}
    for plan in plans:
        # A body runs inside its loop: it waits for what the loop waits for, and what waits for the loop waits for it.
        of_loop = edges[plan.step.body_of] if plan.step.body_of else set()
        upstream[plan.step.name] = edges[plan.step.name] | of_loop | {*plan.body_steps}
    return upstream


class _Advice:
    """The waits that were advised so far, so that no further one closes a cycle.

    Args:
        orders: The waits of the definition.
    """

    def __init__(self, orders: _Orders) -> None:
        self._orders = orders
        self._before = dict(orders.before)

    def wait(self, user: Step, producer: Step) -> str | None:
        """Advise that a step waits for another one.

        Returns:
            The step that it can wait for: the other one, or the loop around that. ``None`` if that would make a cycle
            with the definition, or with earlier advice.
        """
        inside_other_loop = producer.body_of and producer.body_of != user.body_of
        awaited = str(producer.body_of) if inside_other_loop else producer.name
        if self._before[awaited] & self._orders.set_of([user.name]):
            return None
        self._add(user.name, awaited)
        if user.body_of and user.body_of != producer.body_of:
            self._add(user.body_of, awaited)  # a loop waits for everything outside that its body waits for
        return awaited

    def _add(self, waiting: str, awaited: str) -> None:
        bit = self._orders.set_of([waiting])
        gained = self._before[awaited] | self._orders.set_of([awaited])
        for name, before in self._before.items():
            if name == waiting or before & bit:
                self._before[name] = before | gained


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
