"""The SQS queue into which a rule of EventBridge puts its events: read in the triggerer, cleaned up in the worker.

The trigger reads messages and hands them to Airflow; it deletes none. A message is deleted by the task that has started
its run (`StartOnEventsOperator`). Until then SQS only hides it, for the visibility timeout: whatever dies in between,
the message comes back.

It polls with boto3 in a thread: the amazon provider's ``SqsSensorTrigger`` needs ``aiobotocore``, which would downgrade
boto3, and deletes messages when it receives them, so that a triggerer that dies loses them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.connection_in_triggerer import ConnectionInTriggerer
from airflow_sm_pipelines.execution.daemon_threads import in_daemon_thread
from airflow_sm_pipelines.execution.queue_client import queue_client
from airflow_sm_pipelines.execution.triggers import with_jitter

_MOST_MESSAGES = 10
"""The greatest number of messages in one answer of ReceiveMessage."""
# A thread that waits for an answer keeps the triggerer from ending; so SQS's longest wait of 20 s is not used.
_WAIT_SECONDS = 5
_PAUSE_AFTER_REFUSAL = 30.0


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message that was received.

    Attributes:
        message_id: Its id, the same whenever it is received.
        receipt_handle: What deletes it; another one each time.
        body: Its text.
    """

    message_id: str
    receipt_handle: str
    body: str

    def as_payload(self) -> JsonObject:
        """Return the message as the payload of a trigger's event, which Airflow shows with the asset."""
        return {"message_id": self.message_id, "receipt_handle": self.receipt_handle, "body": self.body}

    @classmethod
    def from_payload(cls, payload: Any) -> QueueMessage:
        """Return the message of a payload that this or another version has made."""
        return cls(str(payload["message_id"]), str(payload["receipt_handle"]), str(payload["body"]))


class EventQueueTrigger(BaseEventTrigger):
    """Fires for each message of a queue, for as long as a DAG is scheduled on its asset and not paused.

    Args:
        queue_url: URL of the queue.
        connection: Fields of an `AwsConnection`.
        visibility_timeout: Seconds for which SQS hides a message that was received.
        newer: What a newer version has stored beside these.
    """

    def __init__(self, *, queue_url: str, connection: JsonObject, visibility_timeout: int, **newer: Json) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.queue_url = queue_url
        self.connection = connection
        self.visibility_timeout = visibility_timeout

    def serialize(self) -> tuple[str, JsonObject]:
        """Return the class path and the arguments; they hold no secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "queue_url": self.queue_url,
                "connection": self.connection,
                "visibility_timeout": self.visibility_timeout,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Receive messages without end; a refusal is logged, and tried again."""
        while True:
            try:
                messages = await in_daemon_thread(self._receive)
            except (AwsCallError, AirflowRuntimeError) as error:
                self.log.warning("Cannot receive messages of %s, will try again: %s", self.queue_url, error)
                await asyncio.sleep(with_jitter(_PAUSE_AFTER_REFUSAL))
                continue
            for message in messages:
                self.log.info("Received message %s of %s", message.message_id, self.queue_url)
                yield TriggerEvent(message.as_payload())  # type: ignore[no-untyped-call]
            await asyncio.sleep(0)

    def _receive(self) -> list[QueueMessage]:
        request = {
            "QueueUrl": self.queue_url,
            "MaxNumberOfMessages": _MOST_MESSAGES,
            "WaitTimeSeconds": _WAIT_SECONDS,
            "VisibilityTimeout": self.visibility_timeout,
        }
        client = queue_client(ConnectionInTriggerer.from_arguments(self.connection), self.queue_url)
        received = call(client, "ReceiveMessage", request).get("Messages", ())
        return [QueueMessage(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in received]


def delete_message(connection: AwsConnection, queue_url: str, message: QueueMessage) -> None:
    """Delete a message whose run was started.

    Raises:
        AwsCallError: SQS refused it, or did not answer.
    """
    request = {"QueueUrl": queue_url, "ReceiptHandle": message.receipt_handle}
    call(queue_client(connection, queue_url), "DeleteMessage", request)
