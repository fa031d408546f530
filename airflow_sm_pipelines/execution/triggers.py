"""The trigger that waits for a step's resource; runs in the triggerer.

It polls with boto3 in a thread (the amazon provider's own triggers need ``aiobotocore``, which would downgrade
boto3), sends no event within its first seconds, and never decides: whatever happens, the worker looks again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.killed_trigger import (
    own_state,
    settled_state,
    to_its_end,
    try_until_done,
    with_jitter,
)
from airflow_sm_pipelines.execution.leftovers import remove_leftovers
from airflow_sm_pipelines.semantics.ownership import Verdict

QUIET_SECONDS = 10.0
"""No event in a trigger's first seconds: Airflow 3.3.2 fails a task that is queued again before the scheduler has
processed the exit of the process that deferred it."""

_REMOVAL_PATIENCE = 120.0
_REFUSALS_IN_A_ROW = 5


class JobTrigger(BaseTrigger):
    """Fires once when a step's resource has ended, or when AWS refuses to tell.

    Args:
        kind: Key of a row in `airflow_sm_pipelines.aws.kinds`.
        name: Name of the resource.
        connection: Fields of an `AwsConnection`.
        poll_interval: Seconds between two looks; up to a tenth more, so that triggers do not poll in step.
        newer: What a newer version has stored beside these.
    """

    def __init__(self, *, kind: str, name: str, connection: JsonObject, poll_interval: float, **newer: Json) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = kind
        self.name = name
        self.connection = connection
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, JsonObject]:
        """Return the class path and the arguments; they are stored unencrypted and hold no secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "kind": self.kind,
                "name": self.name,
                "connection": self.connection,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the resource has ended; a throttled or failing poll is not a failure of the job."""
        await asyncio.sleep(QUIET_SECONDS)
        status, refusals = "", 0
        while True:
            try:
                seen = await asyncio.to_thread(self._look)
            except CallRefusedError as error:
                # Throttling and outages pass; the worker reports a refusal for good.
                refusals = 0 if error.exception_type else refusals + 1
                self.log.warning("Cannot look at %s: %s", self.name, error)
                if refusals >= _REFUSALS_IN_A_ROW:
                    yield TriggerEvent({"name": self.name, "error": str(error)})  # type: ignore[no-untyped-call]
                    return
                await asyncio.sleep(self._pause() * 2)
                continue
            refusals = 0
            if seen is None or seen.outcome is not jobs.Outcome.RUNNING:
                yield TriggerEvent({"name": self.name, "status": seen.status if seen else "absent"})  # type: ignore[no-untyped-call]
                return
            if seen.status != status:
                status = seen.status
                self.log.info("%s is %s", self.name, status)
            await asyncio.sleep(self._pause())

    async def on_kill(self) -> None:
        """Stop the resource if its task was ended by a human; Airflow also calls this when a trigger moves."""
        await to_its_end(self._end())

    async def _end(self) -> None:
        otherwise = "it may still run: stop it with `sm-pipelines stop-orphans`"
        state, verdict = await settled_state(lambda: own_state(self), self.log, f"{self.name}: {otherwise}")
        if verdict is Verdict.KEEP:
            self.log.info("Left %s running: its task is %s", self.name, state)
            return
        stopped = await try_until_done(self._stop, self.log, f"stop {self.name}", otherwise)
        self.log.info("%s %s: its task is %s", "Stopped" if stopped else "Nothing to stop for", self.name, state)

    def _pause(self) -> float:
        return with_jitter(self.poll_interval)

    def _client(self) -> Any:
        return AwsConnection.from_arguments(self.connection).client(RESOURCE_KINDS[self.kind].service)

    def _look(self) -> jobs.Observation | None:
        return jobs.observe(self._client(), RESOURCE_KINDS[self.kind], self.name)

    def _stop(self) -> bool:
        client, kind = self._client(), RESOURCE_KINDS[self.kind]
        stopped = jobs.stop(client, kind, self.name)
        left = remove_leftovers(client, kind, self.name, time.sleep, _REMOVAL_PATIENCE)
        if left:
            self.log.warning("%s; `sm-pipelines stop-orphans` removes it later", left)
        return stopped
