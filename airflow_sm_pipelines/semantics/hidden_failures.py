"""Failures that Airflow would not see.

A failed step fails the execution. Airflow looks only at the last tasks of a run. Those that wait for a failed task
count as failed, too, unless they were skipped: a step of a branch that was not chosen is skipped whatever else it waits
for, and so are the steps that wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from airflow_sm_pipelines.definition.graph import Branch, StepPlan


@dataclass(frozen=True, slots=True)
class _Around:
    """What surrounds a step; each set is an integer with a bit for each step or branch.

    Attributes:
        after: The steps that wait for it, directly or not.
        branches: The branches that must have been chosen for it to run.
    """

    after: int
    branches: int


def may_hide_failures(plans: Sequence[StepPlan]) -> bool:
    """Tell whether all last steps that wait for some step, directly or not, can be skipped although that step fails.

    It looks at each of them alone. So it may also say so where one of them is skipped just when another one is not.

    Args:
        plans: All steps but those in the bodies of ForEach steps; they wait for each other only with the trigger
            ``Completed``, and in no circle.
    """
    branches = list(dict.fromkeys(plan.step.branch for plan in plans if plan.step.branch is not None))
    if not branches:
        return False
    around = _surroundings(plans, branches)
    bit = {plan.step.name: 1 << index for index, plan in enumerate(plans)}
    of_condition = [bit[branch.condition] for branch in branches]
    last = [(bit[name], one.branches) for name, one in around.items() if not one.after]
    for name, one in around.items():
        # Behind a failed step no Condition decides; and the branches around a step that has run were chosen.
        undecided = sum(
            1 << index
            for index, condition in enumerate(of_condition)
            if not condition & (one.after | bit[name]) and not one.branches >> index & 1
        )
        behind = [needed for mark, needed in last if mark & one.after]
        if behind and all(needed & undecided for needed in behind):
            return True
    return False


def _surroundings(plans: Sequence[StepPlan], branches: Sequence[Branch]) -> dict[str, _Around]:
    bit = {plan.step.name: 1 << index for index, plan in enumerate(plans)}
    upstream = {plan.step.name: [edge.upstream for edge in plan.edges] for plan in plans}
    own = {plan.step.name: plan.step.branch for plan in plans}
    order = [name for name in TopologicalSorter(upstream).static_order() if name in bit]
    needed: dict[str, int] = {}
    for name in order:
        branch = own[name]
        needed[name] = 0 if branch is None else 1 << branches.index(branch)
        for before in upstream[name]:
            needed[name] |= needed[before]
    after = dict.fromkeys(order, 0)
    for name in reversed(order):
        for before in upstream[name]:
            after[before] |= after[name] | bit[name]
    return {name: _Around(after[name], needed[name]) for name in order}
