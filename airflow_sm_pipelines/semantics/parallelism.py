"""``ParallelismConfiguration``: how many steps of a run are in progress at once, and which of those that wait is next.

Source: developer guide, "Pipeline Execution using Parallelism Configuration". A bound holds for one run; what is given
when the run starts, or while it goes on, wins over what the pipeline says. What counts as a step in progress, and the
order of those that wait, the documents do not say: both are *assumed*.

No Airflow task can ask and enter in one move, so each follows this order, which `tests/semantics/test_parallelism.py`
proves: it writes a claim down, looks who else is in progress, and enters, which it writes down, too, or takes the claim
back and waits. Of any tasks that come at once, the last to write sees the claims of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.semantics.ownership import ENDED_STATES
from airflow_sm_pipelines.semantics.run_options import MAX_PARALLEL_STEPS

MOST_LOOKS = 4
"""How often a task looks that has come at the same time as others, before it gives way."""

Unit: TypeAlias = tuple[str, int]
"""What counts: a step, with ``-1``, or an iteration of a ForEach."""

Rank: TypeAlias = tuple[int, int]
"""The place of a step in the order of the definition, and the iteration of a ForEach, ``-1`` for another step."""

_ENTERED, _WAITING = "in", "out"
_WITHOUT_WORK = frozenset({"Condition", "Fail", "ForEach"})
_STATELESS = frozenset({None, "none"})


class Decision(Enum):
    """What a task does that has written its claim down and looked around."""

    ENTER = "enter"
    LOOK_AGAIN = "look again"
    GIVE_WAY = "give way"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a task writes down before it looks: it wants to begin; if it has begun, that it is in progress.

    Attributes:
        step: Name of the step.
        iteration: Iteration of a ForEach, ``-1`` for another step.
        epoch: The epoch of the try, as text; a person's clear changes it, and nothing else.
        try_number: Airflow's number of the try, from 1.
        mark: Tells it from the claims of all other tries.
        has_entered: Whether the try has entered; else it looks around, and may give way.
    """

    step: str
    iteration: int
    epoch: str
    try_number: int
    mark: str
    has_entered: bool = False

    @classmethod
    def parse(cls, text: str) -> Claim:
        """Return the claim that was written as text.

        Raises:
            ValueError: The text is no claim.
        """
        step, iteration, epoch, try_number, mark, phase, *_ = text.split(":")  # a newer version may write more
        return cls(step, int(iteration), epoch, int(try_number), mark, phase == _ENTERED)

    def __str__(self) -> str:
        phase = _ENTERED if self.has_entered else _WAITING
        return f"{self.step}:{self.iteration}:{self.epoch}:{self.try_number}:{self.mark}:{phase}"

    @property
    def unit(self) -> Unit:
        """What it is for."""
        return self.step, self.iteration

    def is_continued_by(self, later: Claim) -> bool:
        """Tell whether a later try of the same task goes on with what this try has begun.

        A try that fails takes its claim back; one whose worker dies leaves it, and was in progress ever since. After a
        clear the task starts afresh. A deleted task instance counts its tries from 1 again.
        """
        return self.has_entered and self.epoch == later.epoch and self.try_number < later.try_number


def parallel_steps(changed: int | None, at_start: int | None, of_pipeline: int | None) -> int | None:
    """Return the bound that holds for a run; ``None`` if there is none.

    Args:
        changed: What a person has set for the run since it started.
        at_start: What was given when the run was started.
        of_pipeline: What the DAG, or the definition's surroundings, say.
    """
    return next((bound for bound in (changed, at_start, of_pipeline) if bound is not None), None)


def bound_variable(dag_id: str, run_id: str) -> str:
    """Return the Airflow variable with which the bound of a run is changed after its start."""
    return f"{MAX_PARALLEL_STEPS}:{dag_id}:{run_id}"


def changed_bound(text: str) -> int | None:
    """Return the bound that a person has set for a run; ``None`` if the text is no whole number from 1."""
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() and int(stripped) > 0 else None


def is_counted(step: Step) -> bool:
    """Tell whether a step counts while it is in progress: it has work to do, of its own.

    A Condition and a Fail step only decide. A ForEach counts by its iterations, each from its first step to its last.
    """
    return step.type not in _WITHOUT_WORK and step.body_of is None


def is_in_progress(state: str | None, can_start: Callable[[], bool]) -> bool:
    """Tell whether a task that has a claim is in progress.

    Args:
        state: Airflow's state of the task. One that waits for a retry, or for a worker, with a claim is the one of a
            worker that died: its job may run.
        can_start: Tells whether all tasks right before it have ended; asked only of a cleared task that has no state.
            It starts soon if they have. Else it may wait for the very task that asks, and what it has begun is being
            stopped.
    """
    return can_start() if state in _STATELESS else state not in ENDED_STATES


def open_iterations(
    turns: Mapping[int, str | None], claimed: Collection[int], ended: Collection[int]
) -> frozenset[int]:
    """Return the iterations of a ForEach that are in progress.

    The task of its turn has a claim until it has ended; from then on the iteration is in progress until its last step
    has ended.

    Args:
        turns: State of the task of each iteration's turn.
        claimed: The iterations whose turn has a claim.
        ended: The iterations of which every step has ended.
    """
    entered = {index for index, state in turns.items() if state == "success" and index not in ended}
    entering = {index for index in claimed if is_in_progress(turns.get(index), lambda: False)}
    return frozenset(entered | {index for index in entering if turns.get(index) != "success"})


def decide(own: Rank, entered: Collection[Rank], undecided: Collection[Rank], bound: int, looks_left: int) -> Decision:
    """Decide what a task does that has written its claim down and looked around.

    Where too many have come at once, those at the back of the order give way first, so that not all do.

    Args:
        own: Its rank.
        entered: The ranks of the others in progress.
        undecided: The ranks of the others that look around, too.
        bound: How many may be in progress.
        looks_left: How often it may look again.
    """
    if len(entered) + len(undecided) < bound:
        return Decision.ENTER
    before = len(entered) + sum(1 for other in undecided if other < own)
    return Decision.LOOK_AGAIN if looks_left > 0 and before < bound else Decision.GIVE_WAY


def next_to_start(waiting: Collection[Rank], taken: int, bound: int) -> list[Rank]:
    """Return which of the waiting tasks are to look again: as many as there is room for, in step order.

    Args:
        waiting: The ranks of those that wait.
        taken: How many are in progress, or have been called and are on their way.
        bound: How many may be in progress.
    """
    return sorted(waiting)[: max(bound - taken, 0)]
