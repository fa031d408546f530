"""The trigger of a waiting Callback step; runs in the triggerer.

The one who answers wakes the task. The trigger is there for two other things: to notice an answer that came in the
moment in which the task was parked, and to send the message ``Stopping`` when nobody wants the answer any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.callbacks.attempts import trace_key, unseal
from airflow_sm_pipelines.callbacks.queue import STOPPING, region_of, send
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.killed_trigger import settled_state, to_its_end, try_until_done, with_jitter
from airflow_sm_pipelines.execution.task_states import task_state
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from airflow_sm_pipelines.semantics.ownership import ABSENT, Verdict

_ANSWERED = "answered"
"""Beside Airflow's states: of a task whose answer is there, and which only has to read it."""


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
            await asyncio.sleep(with_jitter(self.poll_interval))
        yield TriggerEvent({"answered": True})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Send the message ``Stopping`` if a human ended the task; Airflow also calls this in other cases."""
        await to_its_end(self._end())

    async def _end(self) -> None:
        otherwise = "nobody else sends it"
        state, verdict = await settled_state(
            self._state_unless_answered, self.log, f"the message {STOPPING} was not sent, and {otherwise}"
        )
        if verdict is Verdict.KEEP:
            self.log.info("The callback needs no %s: its task is %s", STOPPING, state)
            return
        if state == ABSENT:
            await asyncio.to_thread(self._leave_a_trace)  # first: who gets the message may answer at once
        await try_until_done(self._stop, self.log, f"send the message {STOPPING}", otherwise)
        self.log.info("Sent the message %s: the task is %s", STOPPING, state)

    def _state_unless_answered(self) -> str | None:
        # An answered task may have ended before anybody looks at its state.
        return _ANSWERED if self._is_answered() else self._task_state()

    def _is_answered(self) -> bool:
        # Costs time, and only triggers get here.
        from airflow.sdk.exceptions import AirflowRuntimeError  # noqa: PLC0415
        from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail  # noqa: PLC0415

        try:
            return bool(get_hitl_detail_content_detail(ti_id=self._instance().id).response_received)
        except AirflowRuntimeError as error:  # the task has another id since its retry, its run was deleted …
            self.log.warning("Cannot look at the required action of this task: %s", error)
            return False

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
