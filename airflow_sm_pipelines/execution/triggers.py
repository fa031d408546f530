"""The trigger that waits for a step's resource, and what every trigger does when its task is ended.

Runs in the triggerer. A trigger looks with boto3 in a thread (the amazon provider's own triggers need ``aiobotocore``,
which would downgrade boto3), when the watcher that it shares with others says so. It sends no event within its first
seconds, and never decides: whatever happens, the worker looks again.

Airflow also calls ``on_kill`` when a trigger merely moves, breaks it off, and asks only once. So the state of the task
decides, and which attempt the task names as its own; the work goes on, and what AWS is too busy for is tried again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.job_facts import state_in_words
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.aws.log_events import has_log_of_its_own
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.airflow_internals.worker import (
    other_xcom_at_once,
    own_task,
    task_state_at_once,
)
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.connection_in_triggerer import ConnectionInTriggerer
from airflow_sm_pipelines.execution.daemon_threads import in_daemon_thread
from airflow_sm_pipelines.execution.log_looks import followed_log
from airflow_sm_pipelines.execution.recorded_job import RecordedJob
from airflow_sm_pipelines.execution.watcher import watcher_of
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY
from airflow_sm_pipelines.semantics.ownership import Verdict, verdict_of_trigger_kill, verdict_without_an_answer

if TYPE_CHECKING:
    from airflow_sm_pipelines.aws.requests.step_start import Log

QUIET_SECONDS = 10.0
"""No event in a trigger's first seconds: Airflow 3.3.2 fails a task that is queued again before the scheduler has
processed the exit of the process that deferred it."""

_REFUSALS_IN_A_ROW = 5
_STATE_PATIENCE = 20.0
_PAUSES = (2.0, 4.0, 8.0, 16.0, 32.0)
_Done = TypeVar("_Done")
_running: set[asyncio.Task[None]] = set()


class JobTrigger(BaseTrigger):
    """Fires once when a step's resource has ended, or when AWS refuses to tell.

    Args:
        kind: Key of a row in `airflow_sm_pipelines.aws.kinds`.
        name: Name of the resource.
        connection: Fields of an `AwsConnection`.
        poll_interval: Seconds between two looks; more if many jobs are described, each by itself.
        attempt: Name of the attempt; empty if an older version has stored the trigger.
        logs: Whether to log what the job writes to CloudWatch.
        newer: What a newer version has stored beside these.
    """

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        connection: JsonObject,
        poll_interval: float,
        attempt: str = "",
        logs: bool = False,
        **newer: Json,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = kind
        self.name = name
        self.connection = connection
        self.poll_interval = poll_interval
        self.attempt = attempt
        self.logs = logs

    def serialize(self) -> tuple[str, JsonObject]:
        """Return the class path and the arguments; they are stored unencrypted and hold no secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "kind": self.kind,
                "name": self.name,
                "connection": self.connection,
                "poll_interval": self.poll_interval,
                "attempt": self.attempt,
                "logs": self.logs,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the resource has ended; a throttled or failing look is not a failure of the job."""
        await asyncio.sleep(QUIET_SECONDS)
        if not (self.logs and has_log_of_its_own(self._kind)):
            yield TriggerEvent(await self._news())  # type: ignore[no-untyped-call]
            return
        client = partial(self._connection.client, "logs")
        async with followed_log(client, self._kind, self.name, self.log, self.poll_interval) as job_log:
            news = {**await self._news(), "log": await job_log.last_lines()}
        yield TriggerEvent(news)  # type: ignore[no-untyped-call]

    async def _news(self) -> JsonObject:
        """Look whenever it is this trigger's turn, until there is something to tell."""
        refusals = 0
        with watcher_of(self._kind, self._connection).place(self.name, self.poll_interval) as place:
            place.tell = partial(self.log.info, "%s is %s", self.name)
            await place.turn()
            while True:
                try:
                    seen = await in_daemon_thread(self._look)
                except AwsCallError as error:
                    # Throttling and outages pass; the worker reports a refusal for good.
                    refusals = 0 if error.exception_type else refusals + 1
                    self.log.warning("Cannot look at %s: %s", self.name, error)
                    if refusals >= _REFUSALS_IN_A_ROW:
                        return {"name": self.name, "error": str(error)}
                    await asyncio.sleep(place.pause * 2)
                    continue
                refusals = 0
                if seen is None or seen.outcome is not jobs.Outcome.RUNNING:
                    return {"name": self.name, "status": seen.status if seen else "absent"}
                place.described(seen.reference, state_in_words(self._kind, seen.status, seen.description))
                await place.turn()

    async def on_kill(self) -> None:
        """Stop the resource if its task was ended by a human; Airflow also calls this when a trigger moves."""
        await to_its_end(self._end())

    async def _end(self) -> None:
        otherwise = "it may still run: stop it with `sm-pipelines stop-orphans`"
        state, verdict = await settled_state(
            lambda: own_state(self, self.attempt), self.log, f"{self.name}: {otherwise}"
        )
        if verdict is Verdict.KEEP:
            self.log.info("Left %s running: its task is %s", self.name, state)
            return
        stopped = await try_until_done(self._stop, self.log, f"stop {self.name}", otherwise)
        self.log.info("%s %s: its task is %s", "Stopped" if stopped else "Nothing to stop for", self.name, state)

    @property
    def _kind(self) -> ResourceKind:
        return RESOURCE_KINDS[self.kind]

    @property
    def _connection(self) -> AwsConnection:
        return ConnectionInTriggerer.from_arguments(self.connection)

    def _look(self) -> jobs.Observation | None:
        return jobs.observe(self._connection.client(self._kind.service), self._kind, self.name)

    def _stop(self) -> bool:
        job = RecordedJob(self._kind, self.name, self._connection)
        stopped, left = job.stop(time.sleep)
        if left:
            self.log.warning("%s; `sm-pipelines stop-orphans` removes it later", left)
        return stopped


# -- when the task is ended --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnState:
    """How a trigger's task stands.

    Attributes:
        state: Airflow's state of the task, `ABSENT` if its run was deleted.
        is_owned: Whether the task names the trigger's attempt as its present one; ``None`` if it names none yet, or
            its state alone decides.
    """

    state: str | None
    is_owned: bool | None = None

    @property
    def verdict(self) -> Verdict:
        """What becomes of the trigger's work."""
        return verdict_of_trigger_kill(self.state, self.is_owned)


def own_state(trigger: BaseTrigger, attempt: str) -> OwnState:
    """Return how a trigger's task stands; asks Airflow's API server.

    Args:
        trigger: The trigger.
        attempt: Name of the attempt that it works for; empty if the state alone decides, as for a trigger that an older
            version has stored.
    """
    ti = own_task(trigger)
    task = (ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)
    state = task_state_at_once(*task)
    if verdict_of_trigger_kill(state, is_owned=None) is Verdict.STOP:
        return OwnState(state)
    if not attempt:
        return OwnState(state, None if state == "running" else True)
    named = other_xcom_at_once(*task, ATTEMPT_KEY)
    return OwnState(state, None if named is None else named == attempt)


async def to_its_end(work: Coroutine[object, None, None]) -> None:
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


async def settled_state(ask: Callable[[], OwnState], log: Log, otherwise: str) -> tuple[str | None, Verdict]:
    """Ask how a trigger's task stands until that decides what becomes of the trigger's work.

    Args:
        ask: Returns how it stands; runs in a thread.
        log: The trigger's log.
        otherwise: The consequence, and what to do, if Airflow does not tell it.

    Returns:
        The last state, and the verdict: that of 20 s without an answer if there is no other.

    Raises:
        AirflowRuntimeError: Airflow's API server refused to tell the state for 20 s.
    """
    waited = 0.0
    while True:
        try:
            seen = await in_daemon_thread(ask)
        except AirflowRuntimeError as error:
            if waited >= _STATE_PATIENCE:
                log.error("Airflow does not tell the state of this task: %s; %s", error, otherwise)
                raise
            log.warning("Airflow does not tell the state of this task yet, will ask again: %s", error)
        else:
            if seen.verdict is not Verdict.ASK_AGAIN:
                return seen.state, seen.verdict
            if waited >= _STATE_PATIENCE:
                return seen.state, verdict_without_an_answer(seen.state)
        await asyncio.sleep(1)
        waited += 1


async def try_until_done(work: Callable[[], _Done], log: Log, what: str, otherwise: str) -> _Done:
    """Do something at AWS, and try again after throttling and outages, since nothing else does it later.

    Args:
        work: The calls; runs in a thread.
        log: The trigger's log.
        what: What it does, for messages: ``stop <name>``.
        otherwise: The consequence, and what to do, if it cannot be done.

    Raises:
        AwsCallError: AWS refused it for good, or too often.
    """
    pauses = iter(_PAUSES)
    while True:
        try:
            return await in_daemon_thread(work)
        except AwsCallError as error:
            pause = next(pauses, None) if error.exception_type else None
            if pause is None:
                log.error("Cannot %s: %s; %s", what, error.in_words(), otherwise)
                raise
            log.warning("Cannot %s yet, will try again: %s", what, error.in_words())
        await asyncio.sleep(with_jitter(pause))


def with_jitter(seconds: float) -> float:
    """Return up to a tenth more, so that many triggers do not call in step."""
    return seconds * (1 + random.random() / 10)  # noqa: S311 - jitter, not a secret
