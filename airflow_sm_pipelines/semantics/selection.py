"""Selective execution: which steps of a run are executed, which are reused from an earlier run, and which stay out.

Source: developer guide, "Selective execution of pipeline steps". Selected steps run anew. What they wait for, directly
or through others, is reused from a source run. Everything else does not run, whether it comes after the selected steps
or has nothing to do with them. A ForEach is one step here: its body runs, or is reused, with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from airflow_sm_pipelines.definition.expressions import Namespace
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.semantics.hidden_failures import may_hide_failures
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep, needs_gate, unmet_edges


class SelectionError(SageMakerPipelinesError, ValueError):
    """A run cannot execute the steps that were selected for it.

    Args:
        reasons: Everything that is wrong with the selection.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(self.reasons)

    def __str__(self) -> str:
        return "\n".join(["these steps cannot be selected:", *(f"    {reason}" for reason in self.reasons)])


class StepRole(StrEnum):
    """What a run with a selection does with a step."""

    SELECTED = "selected"
    REUSED = "reused"
    NOT_SELECTED = "not selected"


@dataclass(frozen=True, slots=True)
class Selection:
    """The steps that one run executes, and what becomes of the others.

    Make one with `select`.

    Attributes:
        plans: The plans by step, without those of the bodies of ForEach steps.
        roles: The role of each of these steps.
        loops: ForEach by the names of its body steps.
        bodies: The body steps of each ForEach.
    """

    plans: Mapping[str, StepPlan]
    roles: Mapping[str, StepRole]
    loops: Mapping[str, str]
    bodies: Mapping[str, tuple[Step, ...]]

    def role(self, step: str) -> StepRole:
        """Return the role of a step; that of a body step is the role of its ForEach."""
        return self.roles[self.loops.get(step, step)]

    @property
    def reused(self) -> tuple[str, ...]:
        """The steps that are reused, in document order."""
        return tuple(step for step, role in self.roles.items() if role is StepRole.REUSED)

    def readers(self, step: str) -> list[str]:
        """Return the selected steps that read the properties of a step."""
        return [
            name
            for name, role in self.roles.items()
            if role is StepRole.SELECTED
            and any(_reads(one, step) for one in (self.plans[name].step, *self.bodies.get(name, ())))
        ]

    def unfulfilled(self, source: Mapping[str, UpstreamStep]) -> list[str]:
        """Return why selected steps cannot run after what the source run did, one reason for each of their edges.

        Args:
            source: How each reused step ended in the source run.
        """
        reasons = []
        for step, role in self.roles.items():
            if role is StepRole.SELECTED:
                plan = self.plans[step]
                known = replace(plan, edges=tuple(edge for edge in plan.edges if edge.upstream in source))
                reasons += [f"{step}: {reason}" for reason in unmet_edges(known, source)]
        return reasons

    def holds_nothing_up(self, step: str, source: Mapping[str, UpstreamStep]) -> bool:
        """Tell whether the task of a reused step can be skipped without skipping one that has a result to reuse.

        Airflow skips what waits for the success of a skipped task. In a source run that no one has meddled with, such
        steps have no result either; but a person can mark tasks, and the definition may have a new edge since then.

        Args:
            step: The step. It has not succeeded in the source run.
            source: How each reused step ended in the source run.
        """
        skipped_with = {
            name: [other for other in others if other in source and not needs_gate(self.plans[other])]
            for name, others in _followers(self.plans.values()).items()
        }
        return all(source[other].status is StepStatus.NOT_RUN for other in _after(skipped_with, step))

    def hides_a_failure(self, step: str) -> bool:
        """Tell whether a run could end well although a selected step failed, if the task of this step were skipped.

        Airflow looks at the last tasks of a run, and skips at once what waits for a skipped task, even if it also waits
        for one that is still running and fails later.

        Args:
            step: A step that is neither selected nor reused.
        """
        plans = list(self.plans.values())
        if any(needs_gate(plan) for plan in plans) or may_hide_failures(plans):
            return False  # such a pipeline has a last task that looks at all steps
        followers = _followers(plans)
        after = _after(followers, step)
        return any(
            role is StepRole.SELECTED and self._is_hidden_by(step, after, _after(followers, other), followers)
            for other, role in self.roles.items()
        )

    def _is_hidden_by(
        self, step: str, after_step: Set[str], after_selected: Set[str], followers: Mapping[str, Sequence[str]]
    ) -> bool:
        """Tell whether skips could reach all last steps that wait for a selected step, this one among them."""
        if step in after_selected or after_step.isdisjoint(after_selected):
            return False
        early = [
            name for name, role in self.roles.items() if role is StepRole.NOT_SELECTED and name not in after_selected
        ]
        unreached = after_selected - _after(followers, *early)
        return all(followers[name] for name in unreached)


def select(plans: Iterable[StepPlan], names: Collection[str], *, has_source: bool) -> Selection:
    """Return what becomes of each step in a run that executes only some.

    Args:
        plans: All steps of the pipeline.
        names: The steps to execute, at least one.
        has_source: Whether results of an earlier run can be reused.

    Raises:
        SelectionError: A name is no step, or that of a body step; the steps are not connected; or one of them waits
            for a step that is not selected, and there is nothing to reuse. It has every reason.
    """
    everything = {plan.step.name: plan for plan in plans}
    loops = {name: plan.step.body_of for name, plan in everything.items() if plan.step.body_of}
    own = {name: plan for name, plan in everything.items() if name not in loops}
    reasons = [_unknown(name, loops, own) for name in names if name not in own]
    selected = [name for name in own if name in names]
    reasons += _unconnected(own, selected)
    upstream = _upstream(own, selected)
    if not has_source:
        reasons += [
            f"{name} waits for {edge.upstream}, which is not selected, and there is no source run to reuse it from: "
            f"select {edge.upstream}, too, or name a source run"
            for name in selected
            for edge in own[name].edges
            if edge.upstream not in selected
        ]
    if reasons:
        raise SelectionError(reasons)
    bodies = {
        name: tuple(everything[step].step for step in plan.body_steps) for name, plan in own.items() if plan.body_steps
    }
    return Selection(own, {name: _role(name, selected, upstream) for name in own}, loops, bodies)


def _followers(plans: Iterable[StepPlan]) -> dict[str, list[str]]:
    """Return the steps that wait for each step directly."""
    plans = list(plans)
    found: dict[str, list[str]] = {plan.step.name: [] for plan in plans}
    for plan in plans:
        for edge in plan.edges:
            found[edge.upstream].append(plan.step.name)
    return found


def _after(followers: Mapping[str, Sequence[str]], *steps: str) -> set[str]:
    """Return everything that waits for one of some steps, directly or through others."""
    found: set[str] = set()
    waiting = list(steps)
    while waiting:
        new = [name for name in followers[waiting.pop()] if name not in found]
        found.update(new)
        waiting += new
    return found


def _role(name: str, selected: Collection[str], upstream: Collection[str]) -> StepRole:
    if name in selected:
        return StepRole.SELECTED
    return StepRole.REUSED if name in upstream else StepRole.NOT_SELECTED


def _reads(step: Step, other: str) -> bool:
    return any(
        reference.name == other and reference.namespace in (Namespace.STEP, Namespace.PROPERTY_FILE)
        for _, reference in step.references
    )


def _unknown(name: str, loops: Mapping[str, str], own: Mapping[str, StepPlan]) -> str:
    if name in loops:
        return f"{name} is in the body of {loops[name]}, which is executed as a whole: select {loops[name]}"
    suggestion = did_you_mean(name, own)
    return f"there is no step {name}" + (f"; {suggestion}" if suggestion else "")


def _upstream(plans: Mapping[str, StepPlan], steps: Iterable[str]) -> set[str]:
    """Return everything that some steps wait for, directly or through others."""
    found: set[str] = set()
    waiting = list(steps)
    while waiting:
        for edge in plans[waiting.pop()].edges:
            if edge.upstream not in found:
                found.add(edge.upstream)
                waiting.append(edge.upstream)
    return found


def _unconnected(plans: Mapping[str, StepPlan], selected: Sequence[str]) -> list[str]:
    """Return a reason if the selected steps fall apart, with edges between selected steps only."""
    parts = _parts(selected, [edge for name in selected for edge in _edges_within(plans[name], selected)])
    if len(parts) < 2:
        return []
    shown = " | ".join(", ".join(name for name in selected if name in part) for part in parts)
    return [f"they are not connected: {shown}; select the steps between them as well, or run each part by itself"]


def _edges_within(plan: StepPlan, steps: Collection[str]) -> Iterator[tuple[str, str]]:
    return ((edge.upstream, plan.step.name) for edge in plan.edges if edge.upstream in steps)


def _parts(steps: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[set[str]]:
    parts = [{step} for step in steps]
    for edge in edges:
        touched = [part for part in parts if not part.isdisjoint(edge)]
        parts = [part for part in parts if part not in touched]
        parts.append(set().union(*touched))
    return parts
