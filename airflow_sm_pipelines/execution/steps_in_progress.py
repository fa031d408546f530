"""The steps of one run that are in progress, as Airflow knows them: the claims, and the states of their tasks.

A claim is an Airflow variable. Unlike an XCom it outlives the start of a new try, and one request lists them all,
however many steps wait. Used in the worker and in the triggerer; what follows from it is said in
`airflow_sm_pipelines.semantics.parallelism`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.execution.airflow_internals.stored_variables import forget, store, stored_keys, stored_value
from airflow_sm_pipelines.execution.airflow_internals.worker import mapped_task_states, task_state, task_states
from airflow_sm_pipelines.execution.settings import LOOP_TURN, PipelineRunSettings
from airflow_sm_pipelines.semantics.for_each import ended_iterations
from airflow_sm_pipelines.semantics.ownership import ABSENT, ENDED_STATES
from airflow_sm_pipelines.semantics.parallelism import (
    Claim,
    Unit,
    bound_variable,
    changed_bound,
    is_in_progress,
    open_iterations,
    parallel_steps,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

CLAIMS = "sm_steps_in_progress"
"""What the keys of all claims begin with."""

_INSTANCE = ("dag_id", "run_id", "task_id", "map_index")


def bound_set_for_run(dag_id: str, run_id: str, log: Log) -> int | None:
    """Return the bound that a run was given after its start, ``None`` if it was given none.

    Args:
        dag_id: The DAG.
        run_id: The run.
        log: Where to say that somebody has set something else than a number.
    """
    key = bound_variable(dag_id, run_id)
    text = stored_value(key)
    changed = None if text is None else changed_bound(text)
    if text is not None and changed is None:
        log.warning("The variable %s is %r: not a whole number from 1, so it does not count", key, text)
    return changed


@dataclass(frozen=True, slots=True)
class StepsInProgress:
    """Reads and writes what is known of the steps in progress, of one pipeline in one run.

    Attributes:
        dag_id: The DAG.
        run_id: The run.
        claims: What the keys of its claims begin with.
        task_prefix: What its task ids begin with.
        loops: The body steps of each ForEach.
        bound: How many steps may be in progress, unless a person has changed that for the run.
    """

    dag_id: str
    run_id: str
    claims: str
    task_prefix: str
    loops: Mapping[str, Sequence[str]]
    bound: int

    @classmethod
    def of(cls, settings: PipelineRunSettings, context: Context, bound: int) -> StepsInProgress:
        """Return those of a task's run.

        Args:
            settings: What all steps of the DAG share.
            context: Airflow's task context.
            bound: The bound with which the run was started.
        """
        ti, run_after = context["ti"], context["dag_run"].run_after
        # A run that is deleted and created again under the same id is another run.
        run = execution_id(settings.airflow_id, ti.dag_id, ti.run_id, run_after.isoformat())
        loops = {plan.step.name: [*plan.body_steps] for plan in settings.pipeline.plans if plan.body_steps}
        return cls(ti.dag_id, ti.run_id, f"{CLAIMS}:{run}:", settings.task_prefix, loops, bound)

    def as_arguments(self) -> JsonObject:
        """Return the fields as plain JSON."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "claims": self.claims,
            "task_prefix": self.task_prefix,
            "loops": {loop: [*body] for loop, body in self.loops.items()},
            "bound": self.bound,
        }

    # -- claims ----------------------------------------------------------------------------------------------------

    def read(self) -> frozenset[Claim]:
        """Return all claims."""
        return frozenset(Claim.parse(key.removeprefix(self.claims)) for key in stored_keys(self.claims))

    def write(self, claim: Claim) -> None:
        """Write a claim down."""
        step, iteration = claim.unit
        task_id = self.turn_of(step) if step in self.loops else self.task_prefix + step
        instance = dict(zip(_INSTANCE, (self.dag_id, self.run_id, task_id, iteration), strict=True))
        what = step if iteration < 0 else f"{step}, iteration {iteration}"
        description = f"Counts {what} as in progress (max_parallel_steps). Removed when it has ended: do not edit."
        store(f"{self.claims}{claim}", json.dumps(instance), description)

    def take_back(self, claims: Iterable[Claim]) -> None:
        """Delete claims."""
        for claim in claims:
            forget(f"{self.claims}{claim}")

    # -- what they mean --------------------------------------------------------------------------------------------

    def bound_now(self, log: Log) -> int:
        """Return how many steps may be in progress now.

        Args:
            log: Where to say that a person has set something else than a number.
        """
        changed = bound_set_for_run(self.dag_id, self.run_id, log)
        return parallel_steps(changed, None, self.bound) or self.bound

    def look(self, claims: Iterable[Claim], can_start: Callable[[str], bool] = lambda _: False) -> Seen:
        """Look which of the claims count.

        Args:
            claims: All claims, read before.
            can_start: Tells of a step whose task has no state whether all tasks right before its own have ended.
        """
        claims = [*claims]
        units = {claim.unit for claim in claims if claim.step not in self.loops}
        tasks = {step: self.task_prefix + step for step, _ in units}
        states = task_states(self.dag_id, self.run_id, sorted(tasks.values())) if tasks else {}
        found = {step: states.get(task_id, ABSENT) for step, task_id in tasks.items()}
        in_progress = {(step, -1) for step, state in found.items() if is_in_progress(state, partial(can_start, step))}
        over = [claim for claim in claims if found.get(claim.step) in ENDED_STATES]
        for loop, body in self.loops.items():
            claimed = [claim for claim in claims if claim.step == loop]
            turns = mapped_task_states(self.dag_id, self.run_id, self.turn_of(loop))
            ended = self._ended(body) if "success" in turns.values() else frozenset()
            iterations = open_iterations(turns, {claim.iteration for claim in claimed}, ended)
            in_progress |= {(loop, index) for index in iterations}
            # From the end of its turn on, the states tell that an iteration is in progress.
            over += [claim for claim in claimed if turns.get(claim.iteration, ABSENT) in ENDED_STATES]
        entering = {claim.unit for claim in claims} - {claim.unit for claim in claims if claim.has_entered}
        return Seen(frozenset(in_progress), frozenset(in_progress & entering), tuple(over))

    def ended(self, units: Iterable[Unit]) -> frozenset[Unit]:
        """Return those of some steps and iterations whose first tasks have ended, e.g. because they were skipped."""
        ended = set()
        for step, iteration in units:
            task_id = self.turn_of(step) if step in self.loops else self.task_prefix + step
            if task_state(self.dag_id, self.run_id, task_id, iteration) in ENDED_STATES:
                ended.add((step, iteration))
        return frozenset(ended)

    def _ended(self, body: Sequence[str]) -> frozenset[int]:
        states = [mapped_task_states(self.dag_id, self.run_id, self.task_prefix + step) for step in body]
        return ended_iterations(states)

    def turn_of(self, loop: str) -> str:
        """Return the task that lets the iterations of a ForEach begin."""
        return f"{self.task_prefix}{loop}.{LOOP_TURN}"


def forget_old_claims(log: Log) -> None:
    """Delete the claims of all runs whose tasks have ended: their runs were deleted or marked while they ran.

    Args:
        log: Where to say how many there were.
    """
    old = []
    for key in stored_keys(f"{CLAIMS}:"):
        value = stored_value(key)
        task = json.loads(value) if value is not None else {}
        if task and task_state(*(task[name] for name in _INSTANCE)) in ENDED_STATES:
            old.append(key)
    for key in old:
        forget(key)
    if old:
        log.info("Deleted %d Airflow variables that counted steps as in progress, whose tasks have ended", len(old))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has found.

    Attributes:
        in_progress: The steps and iterations in progress.
        undecided: Those of them that have not entered yet, and look around.
        over: Claims of tasks that have ended: nobody needs them any more.
    """

    in_progress: frozenset[Unit]
    undecided: frozenset[Unit]
    over: tuple[Claim, ...]
