"""The SQS message of a Callback step: how it is sent, and how it is stored without showing its token.

`airflow_sm_pipelines.aws.requests.messages` says what a message holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

from pydantic import JsonValue
from pydantic.dataclasses import dataclass

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.requests import messages
from airflow_sm_pipelines.aws.requests.messages import EXECUTING, as_sent, message_body, queue_and_content
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import RequestError, SageMakerPipelinesError, UnfitRequestError
from airflow_sm_pipelines.execution.airflow_internals.worker import Fernet, airflow_fernet
from airflow_sm_pipelines.execution.records import STORED, as_stored, read_record
from airflow_sm_pipelines.execution.step_run import StepRun

if TYPE_CHECKING:
    from botocore.client import BaseClient

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
        return message_body(self.token, self.execution_arn, self.arguments, status)

    def shown(self) -> JsonObject:
        """Return the request as people see it: with everything but the token."""
        return {"QueueUrl": self.queue_url, "MessageBody": {**self.body(EXECUTING), "token": "<token>"}}


def resolve_message(run: StepRun, token: str) -> CallbackMessage:
    """Return the message of a step.

    Args:
        run: The try of the step.
        token: The token with which the step is answered.

    Raises:
        StepError: A reference has no value, or the queue is not a URL.
    """
    try:
        queue_url, execution_arn, arguments = queue_and_content(run.start())
    except UnfitRequestError as error:
        raise RequestError(run.step, str(error)) from error
    return CallbackMessage(queue_url, token, execution_arn, arguments)


# -- sending -----------------------------------------------------------------------------------------------------------


def send(client: BaseClient, message: CallbackMessage, status: str, digest: str) -> str:
    """Send a message; returns the id that SQS gives to it.

    Args:
        client: A boto3 client for SQS.
        message: The message.
        status: `EXECUTING` or `STOPPING`.
        digest: Digest of the token, for FIFO queues: the same message sent twice within 5 minutes arrives once.

    Raises:
        AwsCallError: SQS refused the message, or did not answer.
    """
    wanted = messages.message(message.queue_url, message.body(status), digest)
    sqs_id = str(call(client, wanted.operation, as_sent(wanted))["MessageId"])
    receiver = _receiver.get()
    if receiver is not None:
        receiver(message, status)
    return sqs_id


Receiver: TypeAlias = Callable[[CallbackMessage, str], None]
"""Takes a message that was sent, and its status."""

_receiver: ContextVar[Receiver | None] = ContextVar("receiver", default=None)


@contextmanager
def also_received_by(receiver: Receiver) -> Iterator[None]:
    """While this is entered, hand each message that is sent here to a receiver, too: a rehearsal answers it at once."""
    token = _receiver.set(receiver)
    try:
        yield
    finally:
        _receiver.reset(token)


# -- storing -----------------------------------------------------------------------------------------------------------


class NoSealError(SageMakerPipelinesError):
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
