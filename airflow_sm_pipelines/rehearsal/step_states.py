"""How each step of a run ended, from the states of its tasks. A ForEach and the steps of its body have several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.semantics.selection import StepRole

State: TypeAlias = Literal["succeeded", "failed", "skipped", "not run", "reused", "not selected"]

_STATES: Mapping[str, State] = {"success": "succeeded", "failed": "failed", "skipped": "skipped"}
_NOT_RUN: State = "not run"
_STATES_OF_ROLES: Mapping[tuple[State, StepRole | None], State] = {
    ("succeeded", StepRole.REUSED): "reused",
    ("skipped", StepRole.NOT_SELECTED): "not selected",
    ("succeeded", StepRole.NOT_SELECTED): "not selected",
}
# Of a step that ran in several iterations, the first of these that one of them has.
_ORDER: tuple[State, ...] = ("failed", "succeeded", "skipped", _NOT_RUN)


@dataclass(frozen=True, slots=True)
class StepState:
    """How a step ended.

    Attributes:
        state: How it ended; a step in the body of a ForEach is ``failed`` if it failed in any iteration.
        reason: Why it failed; ``None`` if it did not.
        iterations: How each iteration of a step in the body of a ForEach ended.
    """

    state: State
    reason: str | None = None
    iterations: tuple[StepState, ...] = ()

    def in_words(self) -> str:
        """Return the state for people, with the reason of a failure."""
        if not self.iterations:
            return f"{self.state}: {self.reason}" if self.state == "failed" and self.reason else self.state
        failed = [index for index, one in enumerate(self.iterations) if one.state == "failed"]
        if failed:
            first = self.iterations[failed[0]].in_words()
            return f"failed in {len(failed)} of {_iterations(len(self.iterations))}; in iteration {failed[0]}: {first}"
        return f"{self.state} in {_iterations(sum(one.state == self.state for one in self.iterations))}"


def instance_name(task_id: str, map_index: int | None) -> str:
    """Return a name for a task instance. No step can have the name of an iteration of another step."""
    return task_id if map_index is None or map_index < 0 else f"{task_id}-{map_index}"


def task_of_step(step: Step) -> str:
    """Return the id of the task that ends a step: the last one of the group of a ForEach."""
    return f"{step.name}.result" if step.type == "ForEach" else step.name


def step_state(step: Step, tasks: Mapping[str, str | None], reasons: Mapping[str, str]) -> StepState:
    """Return how a step ended.

    Args:
        step: The step.
        tasks: State of each task instance of the run, by `instance_name`.
        reasons: Why instances failed, likewise.
    """
    if step.type == "ForEach":
        has_begun = tasks.get(f"{step.name}.items") != "upstream_failed"
        return _state(task_of_step(step), tasks, reasons) if has_begun else StepState(_NOT_RUN)
    if step.body_of is None:
        return _state(step.name, tasks, reasons)
    iterations: list[StepState] = []
    while (name := instance_name(step.name, len(iterations))) in tasks:
        iterations.append(_state(name, tasks, reasons))
    if not iterations:
        return _state(step.name, tasks, reasons)
    states = {one.state for one in iterations}
    return StepState(next(state for state in _ORDER if state in states), iterations=tuple(iterations))


def state_with_role(state: State, role: StepRole | None) -> State:
    """Return how a step ended, in words that tell its role in a run that executes only selected steps.

    Args:
        state: How its task ended.
        role: The role of the step; ``None`` in a run of all steps.
    """
    return _STATES_OF_ROLES.get((state, role), state)


def _state(name: str, tasks: Mapping[str, str | None], reasons: Mapping[str, str]) -> StepState:
    return StepState(_STATES.get(tasks.get(name) or "", _NOT_RUN), reasons.get(name))


def _iterations(number: int) -> str:
    return f"{number} iteration{'' if number == 1 else 's'}"
