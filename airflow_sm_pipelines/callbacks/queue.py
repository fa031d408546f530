"""The SQS messages of a Callback step.

Source: developer guide, "Callback step": the body of a message has a token, the execution's ARN, the step's arguments
and a status. A FIFO queue needs a group and a deduplication id, which the guide does not mention; ours are made of the
token's digest, so that the messages of one token stay in order, and those of different tokens do not wait for each
other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.aws.calls import call

EXECUTING = "Executing"
STOPPING = "Stopping"

_FIFO = ".fifo"
_AWS_HOST = re.compile(r"^https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?/")


@dataclass(frozen=True, slots=True)
class CallbackMessage:
    """What a Callback step sends, but for the status.

    Attributes:
        queue_url: The queue.
        token: The token with which the step is answered.
        execution_arn: ``pipelineExecutionArn``.
        arguments: The step's resolved ``Arguments``: any JSON.
    """

    queue_url: str
    token: str
    execution_arn: str
    arguments: Any

    def body(self, status: str) -> dict[str, Any]:
        """Return the body of the message.

        Args:
            status: `EXECUTING` or `STOPPING`.
        """
        return {
            "token": self.token,
            "pipelineExecutionArn": self.execution_arn,
            "arguments": self.arguments,
            "status": status,
        }

    def shown(self) -> dict[str, Any]:
        """Return the request for people to see: all but the token."""
        return {"QueueUrl": self.queue_url, "MessageBody": {**self.body(EXECUTING), "token": "<token>"}}


def send(client: Any, message: CallbackMessage, status: str, digest: str) -> str:
    """Send a message; returns the id that SQS gives to it.

    Args:
        client: A boto3 client for SQS.
        message: The message.
        status: `EXECUTING` or `STOPPING`.
        digest: Digest of the token, for FIFO queues: the same message sent twice within 5 minutes arrives once.

    Raises:
        CallRefusedError: SQS refused the message, or did not answer.
    """
    request = {"QueueUrl": message.queue_url, "MessageBody": json.dumps(message.body(status))}
    if message.queue_url.endswith(_FIFO):
        request |= {"MessageGroupId": digest, "MessageDeduplicationId": f"{digest}-{status}"}
    return str(call(client, "SendMessage", request)["MessageId"])


def region_of(queue_url: str) -> str | None:
    """Return the region that a queue's URL names, ``None`` if it is not one of AWS's own addresses."""
    found = _AWS_HOST.match(queue_url)
    return (found[1] or found[2]) if found else None


def from_stored(stored: Mapping[str, Any]) -> CallbackMessage:
    """Return the message that was stored as its fields."""
    return CallbackMessage(**stored)
