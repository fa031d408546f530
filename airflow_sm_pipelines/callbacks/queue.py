"""The SQS message of a Callback step: what it holds, how it is sent, and how it is stored without showing its token.

Source: developer guide, "Callback step": the body of a message has a token, the execution's ARN, the step's arguments
and a status. A FIFO queue needs a group and a deduplication id, which the guide does not mention. Ours are made of the
token's digest, so that the messages of one token stay in order, and those of different tokens do not wait for each
other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import JsonValue
from pydantic.dataclasses import dataclass

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.definition.expressions import Scope, evaluate
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.airflow_internals.worker import Fernet, airflow_fernet
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.records import STORED, as_stored, read_record
from airflow_sm_pipelines.execution.scope import step_errors

if TYPE_CHECKING:
    from botocore.client import BaseClient

EXECUTING = "Executing"
STOPPING = "Stopping"

_FIFO = ".fifo"
_AWS_HOST = re.compile(r"^https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?/")
_CURE = (
    "set it, to the same key on all workers and triggerers (python -c 'from cryptography.fernet import Fernet as F; "
    "print(F.generate_key().decode())')"
)


@dataclass(frozen=True, slots=True, config=STORED)
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
    arguments: JsonValue

    def body(self, status: str) -> JsonObject:
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

    def shown(self) -> JsonObject:
        """Return the request as people see it: with everything but the token."""
        return {"QueueUrl": self.queue_url, "MessageBody": {**self.body(EXECUTING), "token": "<token>"}}


def resolve_message(step: Step, name: str, scope: Scope, token: str) -> CallbackMessage:
    """Return the message of a step.

    Args:
        step: The step.
        name: Its name for messages; in the body of a ForEach with the iteration.
        scope: Where its expressions find their values.
        token: The token with which the step is answered.

    Raises:
        StepError: A reference has no value, or the queue is not a URL.
    """
    with step_errors(name, "SqsQueueUrl"):
        queue_url = evaluate(step.members["SqsQueueUrl"], scope)
    if not isinstance(queue_url, str) or not queue_url:
        raise StepError(name, f"SqsQueueUrl: must be the URL of a queue, but is {queue_url!r}")
    with step_errors(name, "Arguments"):
        arguments = evaluate(step.arguments, scope, payload=True)
    with step_errors(name, "Execution.PipelineExecutionArn"):
        arn = str(scope.execution("PipelineExecutionArn"))
    return CallbackMessage(queue_url, token, arn, arguments)


# -- sending -----------------------------------------------------------------------------------------------------------


def send(client: BaseClient, message: CallbackMessage, status: str, digest: str) -> str:
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


def queue_client(connection: AwsConnection, queue_url: str) -> BaseClient:
    """Return a boto3 client for SQS in the region of a queue.

    Raises:
        CallRefusedError: The client cannot be made.
    """
    region = region_of(queue_url)
    at_queue = connection if region in (None, connection.region_name) else replace(connection, region_name=region)
    return at_queue.client("sqs")


def region_of(queue_url: str) -> str | None:
    """Return the region that a queue's URL names, ``None`` if it is not one of AWS's own addresses."""
    found = _AWS_HOST.match(queue_url)
    return (found[1] or found[2]) if found else None


# -- storing -----------------------------------------------------------------------------------------------------------


class NoSealError(Exception):
    """Airflow has no Fernet key, or not the one with which a message was sealed."""


def seal(message: CallbackMessage) -> str:
    """Return a message encrypted with Airflow's Fernet key.

    Raises:
        NoSealError: Airflow has no Fernet key.
    """
    return _fernet().encrypt(json.dumps(as_stored(message)).encode()).decode()


def unseal(sealed: str) -> CallbackMessage:
    """Return the message that was sealed.

    Raises:
        NoSealError: It was sealed with another key than Airflow has here.
    """
    from cryptography.fernet import InvalidToken

    try:
        return from_stored(json.loads(_fernet().decrypt(sealed.encode())))
    except InvalidToken as error:
        raise NoSealError(
            "the token of this callback was sealed with another key than [core] fernet_key has here; workers and "
            "triggerers need the same key"
        ) from error


def from_stored(stored: Mapping[str, object]) -> CallbackMessage:
    """Return the message from its members, as this or another version has stored them."""
    return read_record(CallbackMessage, stored)


def _fernet() -> Fernet:
    from airflow.sdk.exceptions import AirflowException

    try:
        fernet = airflow_fernet()
    except AirflowException as error:
        raise NoSealError(f"[core] fernet_key is not a Fernet key ({error}); {_CURE}") from error
    if not fernet.is_encrypted:
        raise NoSealError(f"[core] fernet_key is empty, so the token of a callback could not be kept secret; {_CURE}")
    return fernet
