"""The trigger of a waiting Callback step; runs in the triggerer.

An answer resumes the task by itself. The trigger does two other things: it notices an answer that came in the moment
in which the task was deferred, and it sends the message ``Stopping`` when the answer is no longer wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sm_pipelines.aws.requests.messages import STOPPING
from airflow_sm_pipelines.callbacks.attempts import trace_key
from airflow_sm_pipelines.callbacks.queue import send, unseal
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.airflow_internals.worker import action_response, own_task
from airflow_sm_pipelines.execution.connection_in_triggerer import ConnectionInTriggerer
from airflow_sm_pipelines.execution.queue_client import queue_client
from airflow_sm_pipelines.execution.triggers import (
    QUIET_SECONDS,
    OwnState,
    own_state,
    settled_state,
    to_its_end,
    try_until_done,
    with_jitter,
)
from airflow_sm_pipelines.semantics.ownership import ABSENT, Verdict

_ANSWERED = "answered"
"""Beside Airflow's states: of a task whose answer is there, and which only has to read it."""


class CallbackTrigger(BaseTrigger):
    """Fires once when its task's required action is answered, which an answer through the API does as well.

    Args:
        sealed: The message with the token, encrypted.
        digest: Digest of the token.
        connection: Fields of an `AwsConnection`.
        poll_interval: Seconds between two looks; up to a tenth more, so that triggers do not poll in step.
        newer: What a newer version has stored beside these.
    """

    def __init__(
        self, *, sealed: str, digest: str, connection: JsonObject, poll_interval: float, **newer: Json
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sealed = sealed
        self.digest = digest
        self.connection = connection
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, JsonObject]:
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
        while (response := await asyncio.to_thread(self._response)) is None:
            await asyncio.sleep(with_jitter(self.poll_interval))
        # With the response: the API server may not have kept it, and a worker cannot ask for it.
        yield TriggerEvent({"answered": True, **response})  # type: ignore[no-untyped-call]

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
            await asyncio.to_thread(self._leave_a_trace)  # first: the recipient of the message may answer at once
        await try_until_done(self._stop, self.log, f"send the message {STOPPING}", otherwise)
        self.log.info("Sent the message %s: the task is %s", STOPPING, state)

    def _state_unless_answered(self) -> OwnState:
        # An answered task may have ended before its state is asked for.
        if self._response() is not None:
            return OwnState(_ANSWERED, is_owned=True)
        # The state alone decides: the new try of a cleared task says Stopping itself, for the attempt that it follows.
        return own_state(self, "")

    def _response(self) -> JsonObject | None:
        try:
            return action_response(own_task(self).id)
        except AirflowRuntimeError as error:  # the task has another id since its retry, its run was deleted …
            self.log.warning("Cannot look at the required action of this task: %s", error)
            return None

    def _stop(self) -> None:
        message = unseal(self.sealed)
        client = queue_client(ConnectionInTriggerer.from_arguments(self.connection), message.queue_url)
        send(client, message, STOPPING, self.digest)

    def _leave_a_trace(self) -> None:
        """Keep the token known: everything about it went with its run, and a late answer is no error."""
        from airflow.sdk import Variable

        description = "For late answers to a callback whose run was deleted; delete it when none can come any more."
        Variable.set(trace_key(self.digest), unseal(self.sealed).execution_arn, description)
