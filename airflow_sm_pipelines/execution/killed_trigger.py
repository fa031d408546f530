"""What a trigger does whose task was ended; runs in the triggerer.

Airflow also calls ``on_kill`` when a trigger merely moves, breaks it off, and asks only once. So: the state of the task
decides, the work goes on, and what AWS is too busy for is tried again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.execution.airflow_internals.worker import own_task
from airflow_sm_pipelines.execution.task_states import task_state
from airflow_sm_pipelines.semantics.ownership import Verdict, verdict_of_trigger_kill

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_sm_pipelines.execution.job import Log

_PATIENCE = 20.0
_PAUSES = (2.0, 4.0, 8.0, 16.0, 32.0)
_Done = TypeVar("_Done")
_running: set[asyncio.Task[Any]] = set()


def own_state(trigger: BaseTrigger) -> str | None:
    """Return the state of a trigger's task, `ABSENT` if its run was deleted; asks Airflow's API server."""
    ti = own_task(trigger)
    return task_state(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for some work that goes on when the waiting is cancelled.

    Airflow 3.3.2 cancels a trigger of an ended task again with every look at the database, about once in a second,
    until it is gone: an ``on_kill`` that takes longer is broken off (``TriggerRunner.cancel_triggers``; tried).

    Args:
        work: A coroutine.
    """
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)  # asyncio itself keeps only a weak reference
    task.add_done_callback(_running.discard)
    await asyncio.shield(task)


async def settled_state(ask: Callable[[], str | None], log: Log, otherwise: str) -> tuple[str | None, Verdict]:
    """Ask for the state of a trigger's task until it says what becomes of what the trigger waits for.

    Args:
        ask: Returns the state; runs in a thread.
        log: The trigger's log.
        otherwise: What is so, and what to do, if Airflow does not tell it.

    Returns:
        The last state, and the verdict; after 20 s that of a state that says nothing yet.

    Raises:
        AirflowRuntimeError: Airflow's API server refused to tell the state for 20 s.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError

    waited = 0.0
    while True:
        try:
            state = await asyncio.to_thread(ask)
        except AirflowRuntimeError as error:
            if waited >= _PATIENCE:
                log.error("Airflow does not tell the state of this task: %s; %s", error, otherwise)
                raise
            log.warning("Airflow does not tell the state of this task yet, will ask again: %s", error)
            await asyncio.sleep(1)
            waited += 1
            continue
        verdict = verdict_of_trigger_kill(state)
        # A new try that is in its gate is running, too: it takes over, or is skipped and does not.
        settled = verdict is not Verdict.ASK_AGAIN and state != "running"
        if settled or waited >= _PATIENCE:
            return state, verdict
        await asyncio.sleep(1)
        waited += 1


async def try_until_done(work: Callable[[], _Done], log: Log, what: str, otherwise: str) -> _Done:
    """Do something at AWS, again after throttling and outages: there is nobody to do it later.

    Args:
        work: Does it; runs in a thread.
        log: The trigger's log.
        what: What it does, for messages: ``stop <name>``.
        otherwise: What is so, and what to do, if it cannot be done.

    Raises:
        CallRefusedError: AWS refused it for good, or too often.
    """
    pauses = iter(_PAUSES)
    while True:
        try:
            return await asyncio.to_thread(work)
        except CallRefusedError as error:
            pause = next(pauses, None) if error.exception_type else None
            if pause is None:
                log.error("Cannot %s: %s; %s", what, error.in_words(), otherwise)
                raise
            log.warning("Cannot %s yet, will try again: %s", what, error.in_words())
        await asyncio.sleep(with_jitter(pause))


def with_jitter(seconds: float) -> float:
    """Return up to a tenth more, so that many triggers do not call in step."""
    return seconds * (1 + random.random() / 10)  # noqa: S311 - jitter, not a secret
