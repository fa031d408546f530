"""The graph: which step waits for which, and with what trigger.

The edges of a step (SDK: `sagemaker.workflow._steps_compiler`, `step_dependency`; local executor: ``PipelineGraph``):

- each entry of ``DependsOn``, with its trigger;
- each step that a reference names, anywhere in the step, with the trigger Completed. An explicit trigger for the same
  step wins: a step that runs after a failure may still read the failed step's properties;
- each step that a Cleanup cleans up after;
- a step of a branch waits for its Condition. The Condition waits for what its conditions mention, not for what the
  steps of its branches mention;
- a ForEach waits for everything outside that its body steps wait for, since the body runs inside it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from airflow_sm_pipelines.definition.expressions import Namespace
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Branch, Edge, Step, StepPlan, Trigger

__all__ = [
    "Branch",
    "Edge",
    "StepPlan",
    "Trigger",
    "cleaned_up_steps",
    "cyclic_sets",
    "find_cycles",
    "plan_steps",
    "steps_upstream_of",
]

_Key = TypeVar("_Key")


def plan_steps(steps: Sequence[Step]) -> tuple[StepPlan, ...]:
    """Return one plan per step, in document order; users find them in ``Pipeline.plans``.

    Args:
        steps: All steps of a pipeline, checked or not: an edge may lead to a step that does not exist, or make a cycle.
    """
    own = {step.name: _own_triggers(step) for step in steps}
    bodies = _grouped((step.body_of, step.name) for step in steps if step.body_of)
    branches = _grouped((step.branch, step.name) for step in steps if step.branch)
    plans = []
    for step in steps:
        body = bodies.get(step.name, ())
        triggers = _with_outside_of_body(own[step.name], [own[member] for member in body], frozenset(body))
        plans.append(
            StepPlan(
                step=step,
                edges=_edges(triggers, step.branch),
                if_steps=branches.get(Branch(step.name, "if"), ()),
                else_steps=branches.get(Branch(step.name, "else"), ()),
                body_steps=body,
            )
        )
    return tuple(plans)


def find_cycles(plans: Sequence[StepPlan]) -> Iterator[tuple[str, ...]]:
    """Yield a cycle for each set of steps that all wait for each other, as the names along it.

    Where a set has several cycles, each of its steps is on the one that is told, or waits for it. A cycle is written in
    the direction of waiting: each step waits for the next, the last for the first.
    """
    waiting = {plan.step.name: [edge.upstream for edge in plan.edges] for plan in plans}
    waiting = {name: [one for one in upstream if one in waiting] for name, upstream in waiting.items()}
    for component in _components(waiting):
        is_alone = len(component) == 1
        inside = {
            name: [one for one in waiting[name] if one in component and (is_alone or one != name)] for name in component
        }
        if any(inside.values()):
            yield _walk_to_cycle(inside)


def steps_upstream_of(name: str, plans: Iterable[StepPlan]) -> frozenset[str]:
    """Return the steps that must have ended before a step can start: those that it waits for, directly or not.

    Args:
        name: The step.
        plans: All steps of a pipeline without cycles.
    """
    waits_for = {plan.step.name: [edge.upstream for edge in plan.edges] for plan in plans}
    found: set[str] = set()
    work = [name]
    while work:
        new = set(waits_for.get(work.pop(), ())) - found
        found |= new
        work += new
    return frozenset(found)


def cleaned_up_steps(step: Step) -> Iterator[tuple[str, Json]]:
    """Yield the path from a Cleanup step to each ``StepName`` in it, and the name (of any type: it is unchecked)."""
    resources = step.arguments.get("Resources") if step.type == "Cleanup" else None
    sources = resources.get("S3") if isinstance(resources, dict) else None
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict) and "StepName" in source:
            yield f"Arguments.Resources.S3[{index}].StepName", source["StepName"]


def _own_triggers(step: Step) -> dict[str, Trigger]:
    """Return upstream step -> trigger, from everything but branches and bodies."""
    triggers = {
        reference.name: Trigger.COMPLETED
        for _, reference in step.references
        if reference.namespace in (Namespace.STEP, Namespace.PROPERTY_FILE)
    }
    cleaned = (name for _, name in cleaned_up_steps(step) if isinstance(name, str))
    triggers.update(dict.fromkeys(cleaned, Trigger.COMPLETED))
    triggers.update((entry.step, entry.trigger) for entry in step.depends_on)
    return triggers


def _with_outside_of_body(
    own: Mapping[str, Trigger], of_members: Iterable[Mapping[str, Trigger]], body: Container[str]
) -> dict[str, Trigger]:
    outside: dict[str, Trigger] = {}
    for triggers in of_members:
        for upstream, trigger in triggers.items():
            if upstream not in body:
                # Body steps that want different outcomes: the loop starts in any, each of them then decides.
                outside[upstream] = trigger if outside.get(upstream, trigger) is trigger else Trigger.ANY
    return outside | dict(own)


def _edges(triggers: Mapping[str, Trigger], branch: Branch | None) -> tuple[Edge, ...]:
    edges = {upstream: Edge(upstream, trigger, None) for upstream, trigger in triggers.items()}
    if branch:
        # Whatever DependsOn says of the step's own Condition: a branch is chosen only by one that completed.
        edges[branch.condition] = Edge(branch.condition, Trigger.COMPLETED, branch.side)
    return tuple(edges[upstream] for upstream in sorted(edges))


def _grouped(pairs: Iterable[tuple[_Key, str]]) -> dict[_Key, tuple[str, ...]]:
    groups: dict[_Key, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return {key: tuple(members) for key, members in groups.items()}


def cyclic_sets(waiting: Mapping[_Key, Iterable[_Key]]) -> Iterator[set[_Key]]:
    """Yield each set of several nodes that all wait for each other.

    Args:
        waiting: What each node waits for; every node is in it.
    """
    yield from (component for component in _components(waiting) if len(component) > 1)


def _components(waiting: Mapping[_Key, Iterable[_Key]]) -> Iterator[set[_Key]]:
    """Yield the strongly connected components of a graph in linear time (Tarjan), without recursion."""
    number: dict[_Key, int] = {}
    lowest: dict[_Key, int] = {}
    entered: list[_Key] = []
    is_open: set[_Key] = set()
    for start in waiting:
        work = [(start, iter(waiting[start]))] if start not in number else []
        while work:
            name, upstream = work[-1]
            if name not in number:
                number[name] = lowest[name] = len(number)
                entered.append(name)
                is_open.add(name)
            unvisited = None
            for other in upstream:
                if other not in number:
                    unvisited = other
                    break
                if other in is_open:
                    lowest[name] = min(lowest[name], number[other])
            if unvisited is not None:
                work.append((unvisited, iter(waiting[unvisited])))
                continue
            work.pop()
            if work:
                below = work[-1][0]
                lowest[below] = min(lowest[below], lowest[name])
            if lowest[name] == number[name]:
                component = _popped_to(name, entered)
                is_open -= component
                yield component


def _popped_to(name: _Key, entered: list[_Key]) -> set[_Key]:
    component = set()
    while name not in component:
        component.add(entered.pop())
    return component


def _walk_to_cycle(waiting: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    walked = {(name := min(waiting)): 0}
    while (name := min(waiting[name])) not in walked:
        walked[name] = len(walked)
    return tuple(walked)[walked[name] :]
