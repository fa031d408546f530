"""``ParallelismConfiguration`` in a running task: enter, or wait until there is room.

The rules are those of `airflow_sm_pipelines.semantics.parallelism`. `enter_or_wait` and `leave` run in the worker,
which always decides; `ParallelismTrigger` runs in the triggerer, and only reads and wakes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRescheduleException, AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.errors import StepInterruptedError
from airflow_sm_pipelines.execution.airflow_internals.worker import is_dag_test, is_outage, task_states
from airflow_sm_pipelines.execution.shared_looks import SharedLooks
from airflow_sm_pipelines.execution.steps_in_progress import StepsInProgress
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from airflow_sm_pipelines.execution.xcoms import own_map_index
from airflow_sm_pipelines.semantics.ownership import ENDED_STATES
from airflow_sm_pipelines.semantics.parallelism import (
    MOST_LOOKS,
    Claim,
    Decision,
    Rank,
    Unit,
    decide,
    next_to_start,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.definition.json_values import Json, JsonObject
    from airflow_sm_pipelines.execution.settings import PipelineRunSettings
    from airflow_sm_pipelines.execution.step_run import Defer

LOOK_EVERY = 1.0
"""Seconds between two looks of a waiting step."""

_LOOK_PAUSE = 1.0
_ON_ITS_WAY = 30.0
# Airflow 3.3.2 fails tasks that come back too soon; `dag.test()` has no process that could exit too late.
_RESCHEDULE_EVERY = timedelta(seconds=30)
_RESCHEDULE_IN_TEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A task that wants to begin.

    Attributes:
        step: Name of the step; for an iteration, that of its ForEach.
        settings: What all steps of the DAG share.
        bound: The bound with which the run was started.
        deferrable: Wait in the triggerer; else Airflow starts the task again and again.
        defer: Airflow's ``defer``.
        method_name: Method of the operator in which a deferred task goes on.
        pause: Waits some seconds; tells whether the process is to end.
        stop_leftover: Stops what the task has begun before it was cleared.
        log: The task's log.
    """

    step: str
    settings: PipelineRunSettings
    bound: int
    deferrable: bool
    defer: Defer
    method_name: str
    pause: Callable[[float], bool]
    stop_leftover: Callable[[], None] = lambda: None
    log: Log


def enter_or_wait(entrant: Entrant, context: Context) -> None:
    """Return when the task has entered; else end the process, to ask again later.

    Args:
        entrant: The task.
        context: Airflow's task context.

    Raises:
        airflow.sdk.exceptions.TaskDeferred: The task waits in the triggerer.
        AirflowRescheduleException: The task is not deferrable, or runs in ``dag.test()``, which runs one task at a
            time, so that a waiting task must make room for the others.
        StepInterruptedError: The process was told to end.
    """
    door = _Door(entrant, context)
    if door.has_let_in():
        return
    if is_dag_test():
        raise AirflowRescheduleException(datetime.now(UTC) + _RESCHEDULE_IN_TEST)  # type: ignore[no-untyped-call]
    if not entrant.deferrable:
        raise AirflowRescheduleException(datetime.now(UTC) + _RESCHEDULE_EVERY)  # type: ignore[no-untyped-call]
    place, iteration = door.rank_of(door.own.unit)
    steps = door.steps.as_arguments()
    trigger = ParallelismTrigger(steps=steps, step=entrant.step, iteration=iteration, place=place)
    entrant.defer(trigger=trigger, method_name=entrant.method_name)


def leave(step: str, settings: PipelineRunSettings, bound: int, context: Context) -> None:
    """Make room for another step: this one has ended, well or badly.

    Args:
        step: Name of the step.
        settings: What all steps of the DAG share.
        bound: The bound with which the run was started.
        context: Airflow's task context.
    """
    claim = replace(_own_claim(step, context), has_entered=True)
    StepsInProgress.of(settings, context, bound).take_back([claim])


def leave_loop(loop: str, settings: PipelineRunSettings, bound: int, context: Context) -> None:
    """Delete what is left of the claims of an ended ForEach.

    Args:
        loop: Name of the ForEach.
        settings: What all steps of the DAG share.
        bound: The bound with which the run was started.
        context: Airflow's task context.
    """
    steps = StepsInProgress.of(settings, context, bound)
    steps.take_back(claim for claim in steps.read() if claim.step == loop)


def _own_claim(step: str, context: Context) -> Claim:
    ti = context["ti"]
    epoch = f"{ti.max_tries}-{ti.task.retries or 0}"
    return Claim(step, own_map_index(context), epoch, ti.try_number, str(ti.id)[-8:])


class _Door:
    """The move of one task from outside to inside.

    Args:
        entrant: The task.
        context: Airflow's task context.
    """

    def __init__(self, entrant: Entrant, context: Context) -> None:
        self._entrant = entrant
        self._context = context
        self.steps = StepsInProgress.of(entrant.settings, context, entrant.bound)
        self.own = _own_claim(entrant.step, context)
        self._order = {step.name: place for place, step in enumerate(entrant.settings.pipeline.steps)}

    def rank_of(self, unit: Unit) -> Rank:
        """Return the place of a step, or an iteration, among those that wait."""
        step, iteration = unit
        return self._order.get(step, len(self._order)), iteration

    def has_let_in(self) -> bool:
        """Tell whether the task has entered; if not, it has left nothing behind."""
        self.steps.write(self.own)
        for looks_left in reversed(range(MOST_LOOKS)):
            claims = self.steps.read()
            former = {claim for claim in claims if claim.unit == self.own.unit and claim != self.own}
            if any(claim.is_continued_by(self.own) for claim in former):
                return self._enter(former)
            decision = self._decision(claims, looks_left)
            if decision is Decision.ENTER:
                return self._enter(former)
            if decision is Decision.GIVE_WAY:
                break
            self._pause(former)
        self._entrant.stop_leftover()
        self.steps.take_back({self.own, *former})
        return False

    def _decision(self, claims: frozenset[Claim], looks_left: int) -> Decision:
        seen = self.steps.look(claims - {self.own}, self._can_start)
        bound = self.steps.bound_now(self._entrant.log)
        others = seen.in_progress - {self.own.unit}
        entered = [self.rank_of(unit) for unit in others - seen.undecided]
        undecided = [self.rank_of(unit) for unit in others & seen.undecided]
        decision = decide(self.rank_of(self.own.unit), entered, undecided, bound, looks_left)
        self.steps.take_back(claim for claim in seen.over if claim.unit != self.own.unit)
        if decision is not Decision.ENTER:
            self._entrant.log.info("%d steps of this run are in progress, of %d at most", len(others), bound)
        return decision

    def _enter(self, former: set[Claim]) -> bool:
        self.steps.write(replace(self.own, has_entered=True))
        self.steps.take_back({self.own, *former})
        return True

    def _pause(self, former: set[Claim]) -> None:
        if self._entrant.pause(_LOOK_PAUSE):
            self.steps.take_back({self.own, *former})
            raise StepInterruptedError(self._entrant.step, "the worker was told to end; it waited for other steps")

    def _can_start(self, step: str) -> bool:
        """Tell whether all tasks right before a step's own have ended."""
        ti, dag = self._context["ti"], self._context["task"].dag
        task = dag.task_dict.get(self.steps.task_prefix + step) if dag else None
        if task is None:  # the definition does not have it any more
            return False
        upstream = sorted(task.upstream_task_ids)
        states = task_states(ti.dag_id, ti.run_id, upstream) if upstream else {}
        return all(state in ENDED_STATES for state in states.values())


# -- in the triggerer --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Queue:
    """The waiting steps of a run, as far as this triggerer knows them.

    Attributes:
        waiting: Their ranks.
        called: Those that were called and have not been seen in progress yet, and when, on the monotonic clock.
    """

    waiting: dict[Unit, Rank] = field(default_factory=dict)
    called: dict[Unit, float] = field(default_factory=dict)

    def calls(self, unit: Unit, room: _Room) -> bool:
        """Tell whether it is a step's turn to look again.

        Args:
            unit: The step.
            room: What a look has found.
        """
        now = time.monotonic()
        # One that does not come for long has died.
        come = room.in_progress | room.ended | self.waiting.keys()
        self.called = {
            one: since for one, since in self.called.items() if one not in come and now - since < _ON_ITS_WAY
        }
        taken = len(room.in_progress) + len(self.called)
        if self.waiting[unit] not in next_to_start(self.waiting.values(), taken, room.bound):
            return False
        del self.waiting[unit]
        self.called[unit] = now
        return True


@dataclass(frozen=True, slots=True)
class _Room:
    """What the waiting steps of a run see.

    Attributes:
        in_progress: The steps in progress.
        ended: Those that were called and have ended: they were skipped, or a person has ended them.
        bound: How many may be in progress.
    """

    in_progress: frozenset[Unit]
    ended: frozenset[Unit]
    bound: int


_looks: SharedLooks[_Room] = SharedLooks(LOOK_EVERY / 2)
_queues: dict[str, _Queue] = {}


class ParallelismTrigger(BaseTrigger):
    """Fires when there may be room for a step; the worker looks again.

    Args:
        steps: Fields of `StepsInProgress`.
        step: Name of the step; for an iteration, that of its ForEach.
        iteration: The iteration of a ForEach, ``-1`` for another step.
        place: The place of the step in the order of the definition.
        newer: What a newer version has stored beside these.
    """

    def __init__(self, *, steps: JsonObject, step: str, iteration: int, place: int, **newer: Json) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps = steps
        self.step = step
        self.iteration = iteration
        self.place = place

    def serialize(self) -> tuple[str, JsonObject]:
        """Return the class path and the arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"steps": self.steps, "step": self.step, "iteration": self.iteration, "place": self.place},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is room; all triggers of the same run share their looks, and go in step order."""
        await asyncio.sleep(QUIET_SECONDS)
        steps, unit = StepsInProgress(**self.steps), (self.step, self.iteration)  # type: ignore[arg-type]
        queue = _queues.setdefault(steps.claims, _Queue())
        queue.waiting[unit] = (self.place, self.iteration)
        try:
            while not await self._is_called(steps, queue, unit):
                await asyncio.sleep(LOOK_EVERY)
        finally:
            queue.waiting.pop(unit, None)
            if not queue.waiting:
                _queues.pop(steps.claims, None)
        yield TriggerEvent({"step": self.step})  # type: ignore[no-untyped-call]

    async def _is_called(self, steps: StepsInProgress, queue: _Queue, unit: Unit) -> bool:
        called = [*queue.called]

        def look() -> _Room:
            in_progress = steps.look(steps.read()).in_progress
            return _Room(in_progress, steps.ended(called), steps.bound_now(self.log))

        try:
            room = await _looks.at(steps.claims, look)
        except AirflowRuntimeError as error:
            if not is_outage(error):
                raise
            self.log.warning("Airflow does not tell which steps are in progress, will look again: %s", error)
            return False
        return queue.calls(unit, room)
