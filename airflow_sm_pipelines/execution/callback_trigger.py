"""The trigger of a waiting Callback step; runs in the triggerer.

The one who answers wakes the task. The trigger is there for two other things: to notice an answer that came in the
moment in which the task was parked, and to send the message ``Stopping`` when nobody wants the answer any more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.aws.callback_queue import STOPPING, region_of, send
from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.execution.callback_attempts import trace_key, unseal
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.task_states import task_state
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from airflow_sm_pipelines.execution.uncancelled import to_its_end
from airflow_sm_pipelines.semantics.ownership import ABSENT, Verdict, verdict_of_trigger_kill

_KILL_PATIENCE = 20.0
_STOP_PAUSES = (2.0, 4.0, 8.0, 16.0, 32.0)


def queue_client(connection: AwsConnection, queue_url: str) -> Any:
    """Return a boto3 client for SQS, of the region in which the queue is.

    Raises:
        CallRefusedError: The client cannot be made.
    """
    region = region_of(queue_url)
    at_queue = connection if region in (None, connection.region_name) else replace(connection, region_name=region)
    return at_queue.client("sqs")


class CallbackTrigger(BaseTrigger):
    """Fires once when its task's required action is answered; stands for the answer through the API, too.

    Args:
        sealed: The message with the token, encrypted.
        digest: Digest of the token.
        connection: Fields of an `AwsConnection`.
        poll_interval: Seconds between two looks; up to a tenth more, so that triggers do not poll in step.
    """

    def __init__(self, *, sealed: str, digest: str, connection: dict[str, Any], poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sealed = sealed
        self.digest = digest
        self.connection = connection
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments; they are stored unencrypted, and hold the token only sealed."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "sealed": self.sealed,
                "digest": self.digest,
                "connection": self.connection,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the required action until it is answered."""
        await asyncio.sleep(QUIET_SECONDS)
        while not await asyncio.to_thread(self._is_answered):
            await asyncio.sleep(self.poll_interval * (1 + random.random() / 10))  # noqa: S311 - jitter, not a secret
        yield TriggerEvent({"answered": True})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Send the message ``Stopping`` if a human ended the task; Airflow also calls this in other cases."""
        await to_its_end(self._end())

    async def _end(self) -> None:
        waited = 0.0
        while True:
            # Asked first: an answered task may have ended before anybody looks at its state.
            if await asyncio.to_thread(self._is_answered):
                return
            state = await asyncio.to_thread(self._task_state)
            verdict = verdict_of_trigger_kill(state)
            # A new try that runs may be in its gate, and end as skipped before it takes the callback over.
            open_yet = verdict is Verdict.ASK_AGAIN or state == "running"
            if not open_yet or waited >= _KILL_PATIENCE:
                break
            await asyncio.sleep(1)
            waited += 1
        if verdict is Verdict.KEEP:
            self.log.info("The callback stays open: its task is %s", state)
            return
        if state == ABSENT:
            await asyncio.to_thread(self._leave_a_trace)  # first: who gets the message may answer at once
        await self._stop_patiently()
        self.log.info("Sent the message %s: the task is %s", STOPPING, state)

    def _is_answered(self) -> bool:
        # Costs time, and only triggers get here.
        from airflow.sdk.exceptions import AirflowRuntimeError  # noqa: PLC0415
        from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail  # noqa: PLC0415

        try:
            return bool(get_hitl_detail_content_detail(ti_id=self._instance().id).response_received)
        except AirflowRuntimeError as error:  # the task has another id since its retry, its run was deleted …
            self.log.warning("Cannot look at the required action of this task: %s", error)
            return False

    async def _stop_patiently(self) -> None:
        """Send the message ``Stopping``; again if SQS is busy or cannot be reached, since nobody else will."""
        for pause in _STOP_PAUSES:
            try:
                return await asyncio.to_thread(self._stop)
            except CallRefusedError as error:
                if not error.exception_type:
                    raise
                self.log.warning("Cannot send the message %s yet, trying again: %s", STOPPING, error)
            await asyncio.sleep(pause * (1 + random.random() / 10))  # noqa: S311 - jitter, not a secret
        return await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        message = unseal(self.sealed)
        send(queue_client(AwsConnection(**self.connection), message.queue_url), message, STOPPING, self.digest)

    def _leave_a_trace(self) -> None:
        """Keep the token known: everything about it went with its run, and a late answer is no error."""
        from airflow.sdk import Variable  # noqa: PLC0415 - only a trigger whose run was deleted gets here

        description = "For late answers to a callback whose run was deleted; may be deleted when none will come."
        Variable.set(trace_key(self.digest), unseal(self.sealed).execution_arn, description)

    def _instance(self) -> Any:
        if self.task_instance is None:
            raise RuntimeError("a callback's trigger has no task instance; Airflow sets it before it runs")
        return self.task_instance

    def _task_state(self) -> str | None:
        ti = self._instance()
        return task_state(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)
