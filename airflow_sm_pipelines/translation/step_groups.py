"""Task groups for the steps of a large pipeline, which the graph view can fold; task ids stay the names of the steps.

Loaded at parse time, only by DAG files that ask for groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from airflow.sdk import TaskGroup

from airflow_sm_pipelines.definition.graph import StepPlan, cyclic_sets
from airflow_sm_pipelines.translation.step_tasks import STATUS_TASK_ID, Place, free_id

GroupBy: TypeAlias = Literal["branch", "prefix"] | Sequence[str]
"""What makes a group: the branches of Conditions, what names begin with, or these prefixes."""

_FEWEST_STEPS = 2
_BEFORE_THE_REST = re.compile("([^-_]+)[-_]")


@dataclass(frozen=True, slots=True)
class Label:
    """What a group is called.

    Attributes:
        group_id: Its id, if that is free.
        shown: How the UI calls it.
    """

    group_id: str
    shown: str


Groups: TypeAlias = Mapping[str, tuple[Label, ...]]
"""The groups that contain a step, by the step's name, from the outermost to the innermost."""


def step_places(place: Place, plans: Sequence[StepPlan], by: GroupBy) -> Callable[[StepPlan], Place]:
    """Return a function that tells where the task of a step belongs, and makes the group when it is first asked for it.

    Args:
        place: The DAG.
        plans: All steps of the pipeline.
        by: What makes a group.

    Raises:
        ValueError: ``by`` is neither of the two words nor a list of prefixes.
    """
    taken = {plan.step.name for plan in plans}
    taken.add(free_id(STATUS_TASK_ID, taken))
    return _Places(place, groups_of(plans, by), taken).of


def groups_of(plans: Sequence[StepPlan], by: GroupBy) -> Groups:
    """Return the groups of the steps outside of ForEach bodies, which have groups already.

    A group has at least two steps. There is none whose steps wait for a step outside that waits for the group: Airflow
    puts what a group contains, and groups themselves, into an order.

    Args:
        plans: All steps of the pipeline.
        by: What makes a group.

    Raises:
        ValueError: ``by`` is neither of the two words nor a list of prefixes.
    """
    own = [plan for plan in plans if plan.step.body_of is None]
    if by == "branch":
        wanted = _by_branch(own)
    elif by == "prefix":
        wanted = _by_name(own, lambda name: found[1] if (found := _BEFORE_THE_REST.match(name)) else "")
    elif isinstance(by, str) or not all(isinstance(prefix, str) and prefix for prefix in by):
        raise ValueError(f"group_steps_by is 'branch', 'prefix' or a list of prefixes of names, not {by!r}")
    else:
        longest_first = sorted(by, key=lambda prefix: (-len(prefix), prefix))
        wanted = _by_name(own, lambda name: next(filter(name.startswith, longest_first), "").rstrip("-_"))
    return _in_an_order(_large_enough(wanted), own)


def _by_branch(plans: Sequence[StepPlan]) -> Groups:
    branches = {plan.step.name: plan.step.branch for plan in plans}

    def around(name: str) -> tuple[Label, ...]:
        branch = branches[name]
        if branch is None:
            return ()
        label = Label(f"{branch.condition}-{branch.side}", f"{branch.condition}: {branch.side}")
        return (*around(branch.condition), label)

    return {name: around(name) for name in branches}


def _by_name(plans: Sequence[StepPlan], group_of: Callable[[str], str]) -> Groups:
    found = {plan.step.name: group_of(plan.step.name) for plan in plans}
    return {name: (Label(group, group),) if group else () for name, group in found.items()}


def _large_enough(groups: Groups) -> Groups:
    sizes: dict[Label, int] = {}
    for around in groups.values():
        for label in around:
            sizes[label] = sizes.get(label, 0) + 1
    return _without({label for label, size in sizes.items() if size < _FEWEST_STEPS}, groups)


def _in_an_order(groups: Groups, plans: Sequence[StepPlan]) -> Groups:
    """Return the groups without those that could not be put into an order with what stands beside them."""
    while True:
        waiting: dict[tuple[Label, ...] | str, set[tuple[Label, ...] | str]] = {}
        for plan in plans:
            for edge in plan.edges:
                one, other = _beside(plan.step.name, edge.upstream, groups)
                if one != other:
                    waiting.setdefault(one, set()).add(other)
                    waiting.setdefault(other, set())
        in_circles = {node[-1] for circle in cyclic_sets(waiting) for node in circle if isinstance(node, tuple)}
        if not in_circles:
            return groups
        groups = _without(in_circles, groups)


def _beside(name: str, upstream: str, groups: Groups) -> tuple[tuple[Label, ...] | str, tuple[Label, ...] | str]:
    """Return what of two steps stands side by side in the innermost group that contains both."""
    one, other = groups[name], groups[upstream]
    depth = 0
    while depth < min(len(one), len(other)) and one[depth] == other[depth]:
        depth += 1
    return one[: depth + 1] if depth < len(one) else name, other[: depth + 1] if depth < len(other) else upstream


def _without(labels: Collection[Label], groups: Groups) -> Groups:
    return {name: tuple(label for label in around if label not in labels) for name, around in groups.items()}


@dataclass(slots=True)
class _Places:
    """The groups of a DAG.

    Attributes:
        root: The DAG.
        groups: The groups of each step.
        taken: Ids that are not free.
        made: The groups that there are.
    """

    root: Place
    groups: Groups
    taken: set[str]
    made: dict[tuple[Label, ...], TaskGroup] = field(default_factory=dict)

    def of(self, plan: StepPlan) -> Place:
        """Return where the task of a step belongs."""
        around = self.groups[plan.step.name]
        return Place(dag=self.root["dag"], task_group=self._group(around)) if around else self.root

    def _group(self, around: tuple[Label, ...]) -> TaskGroup:
        if around not in self.made:
            label = around[-1]
            group_id = free_id(label.group_id, self.taken)
            self.taken.add(group_id)
            self.made[around] = TaskGroup(
                group_id,
                group_display_name=label.shown,
                prefix_group_id=False,
                parent_group=self._group(around[:-1]) if len(around) > 1 else None,
                dag=self.root["dag"],
            )
        return self.made[around]
