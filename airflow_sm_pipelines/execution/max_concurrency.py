"""``MaxConcurrency`` of a ForEach step: an iteration waits for its turn, with Airflow's task states as the only record.

The rule is `airflow_sm_pipelines.semantics.for_each.ends_awaited`. `wait_for_turn` runs in the worker, `TurnTrigger`
in the triggerer; both only read, so that nothing is left to clean up, whatever dies or is cleared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol

from airflow.sdk.exceptions import AirflowRescheduleException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.execution.airflow_internals.worker import is_dag_test, mapped_task_states, own_task
from airflow_sm_pipelines.execution.shared_looks import SharedLooks
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from airflow_sm_pipelines.execution.xcoms import own_map_index
from airflow_sm_pipelines.semantics.for_each import ended_iterations, ends_awaited

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.definition.json_values import Json, JsonObject

LOOK_EVERY = 5.0
"""Seconds between two looks of a waiting iteration."""

# As for the trigger: Airflow 3.3.2 fails tasks that come back too soon.
_RESCHEDULE_EVERY = timedelta(seconds=30)
_IN_TEST_PER_ITERATION = timedelta(seconds=0.3)


class WaitingTask(Protocol):
    """What the wait needs of its operator."""

    body_task_ids: tuple[str, ...]
    limit: int
    deferrable: bool

    def defer(self, *, trigger: BaseTrigger, method_name: str) -> NoReturn:
        """End the process until the trigger fires, then go on in the method."""


def wait_for_turn(task: WaitingTask, context: Context, method_name: str) -> None:
    """Return when the iteration may enter; else end the process, to look again later.

    Args:
        task: The operator of the waiting task.
        context: Airflow's task context.
        method_name: Method of the operator in which a deferred task goes on.

    Raises:
        airflow.sdk.exceptions.TaskDeferred: The task waits in the triggerer.
        AirflowRescheduleException: The task is not deferrable, or runs in ``dag.test()``, which runs one task at a
            time, so that a waiting task must make room for the others.
    """
    ti, index = context["ti"], own_map_index(context)
    if index < task.limit:
        return  # whatever the others do; most loops have no other iterations
    awaited = ends_awaited(index, task.limit, _ended(ti.dag_id, ti.run_id, task.body_task_ids))
    if not awaited:
        return
    if is_dag_test():
        raise AirflowRescheduleException(datetime.now(UTC) + awaited * _IN_TEST_PER_ITERATION)  # type: ignore[no-untyped-call]
    if not task.deferrable:
        raise AirflowRescheduleException(datetime.now(UTC) + _RESCHEDULE_EVERY)  # type: ignore[no-untyped-call]
    trigger = TurnTrigger(body_task_ids=list(task.body_task_ids), index=index, limit=task.limit)
    task.defer(trigger=trigger, method_name=method_name)


class TurnTrigger(BaseTrigger):
    """Fires when an iteration may enter; the worker looks again.

    Args:
        body_task_ids: Task ids of the body steps.
        index: The iteration.
        limit: How many iterations may be open at a time.
        newer: What a newer version has stored beside these.
    """

    def __init__(self, *, body_task_ids: list[str], index: int, limit: int, **newer: Json) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.body_task_ids = body_task_ids
        self.index = index
        self.limit = limit

    def serialize(self) -> tuple[str, JsonObject]:
        """Return the class path and the arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"body_task_ids": [*self.body_task_ids], "index": self.index, "limit": self.limit},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is the iteration's turn; all triggers of the same run share their looks."""
        await asyncio.sleep(QUIET_SECONDS)
        while True:
            ended = await self._shared_look()
            awaited = ends_awaited(self.index, self.limit, ended)
            if not awaited:
                yield TriggerEvent({"index": self.index})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _shared_look(self) -> frozenset[int]:
        ti = own_task(self)
        key = (ti.dag_id, ti.run_id, tuple(self.body_task_ids))
        return await _looks.at(key, lambda: _ended(ti.dag_id, ti.run_id, self.body_task_ids))


_looks: SharedLooks[frozenset[int]] = SharedLooks(LOOK_EVERY / 2)


def _ended(dag_id: str, run_id: str, body_task_ids: Sequence[str]) -> frozenset[int]:
    return ended_iterations([mapped_task_states(dag_id, run_id, task_id) for task_id in body_task_ids])
