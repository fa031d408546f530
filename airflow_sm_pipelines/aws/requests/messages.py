"""The calls of Lambda and Callback steps: an invocation, a message. Neither creates a resource.

Sources: Lambda API reference, "Invoke"; developer guide, "Callback step": the body of a message has a token, the
execution's ARN, the step's arguments and a status. A FIFO queue requires a group and a deduplication id, which the
guide does not mention. We derive both from the token's digest: messages of one token stay in order, and messages of
different tokens do not wait for each other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart, only_call
from airflow_sm_pipelines.errors import UnfitRequestError

EXECUTING = "Executing"
STOPPING = "Stopping"

_FIFO = ".fifo"


def lambda_calls(start: StepStart) -> Calls[AwsCall]:
    """Invoke the step's function.

    Raises:
        UnfitRequestError: The step names no function.
        UndefinedReferenceError: A reference has no value.
    """
    function, event = function_and_event(start)
    custom = custom_context(start.execution_id, start.step, start.token, start.try_number)
    return (yield from only_call(invocation(function, event, custom)))


def function_and_event(start: StepStart) -> tuple[str, Any]:
    """Return name or ARN of the function that a Lambda step invokes, and the event for its handler.

    Raises:
        UnfitRequestError: The step names no function.
        UndefinedReferenceError: A reference has no value.
    """
    function = start.members().get("FunctionArn")
    if not isinstance(function, str) or not function:
        raise UnfitRequestError(f"FunctionArn: must be the name or ARN of a function, but is {function!r}")
    return function, start.resolved_arguments(payload=True)


def custom_context(execution_id: str, step: str, token: str, try_number: str) -> dict[str, str]:
    """Return what lets a handler recognize a repeated invocation: all but the number of the try stay the same."""
    return {"executionId": execution_id, "step": step, "token": token, "try": try_number}


def invocation(function: str, event: object, custom: Mapping[str, str]) -> AwsCall:
    """Return the Invoke call; `as_sent` serializes its JSON members.

    Args:
        function: Name or ARN of the function, with or without a version or alias.
        event: The event for the handler: any JSON value.
        custom: What the handler finds in ``context.client_context.custom``.
    """
    request = {
        "FunctionName": function,
        "InvocationType": "RequestResponse",
        "LogType": "Tail",
        "ClientContext": {"custom": dict(custom)},
        "Payload": event,
    }
    return AwsCall("lambda", "Invoke", request)


def callback_calls(start: StepStart) -> Calls[AwsCall]:
    """Send the message that asks for an answer.

    Raises:
        UnfitRequestError: The step names no queue.
        UndefinedReferenceError: A reference has no value.
    """
    queue_url, arn, arguments = queue_and_content(start)
    body = message_body(start.token, arn, arguments, EXECUTING)
    return (yield from only_call(message(queue_url, body, f"<digest of {start.token}>")))


def queue_and_content(start: StepStart) -> tuple[str, str, Any]:
    """Return the URL of a Callback step's queue, the ARN of the execution, and the arguments of its message.

    Raises:
        UnfitRequestError: The step names no queue.
        UndefinedReferenceError: A reference has no value.
    """
    queue_url = start.members().get("SqsQueueUrl")
    if not isinstance(queue_url, str) or not queue_url:
        raise UnfitRequestError(f"SqsQueueUrl: must be the URL of a queue, but is {queue_url!r}")
    arguments = start.resolved_arguments(payload=True)
    arn = start.resolve({"Get": "Execution.PipelineExecutionArn"}, "Execution.PipelineExecutionArn", False)
    return queue_url, str(arn), arguments


def message_body(token: str, execution_arn: str, arguments: object, status: str) -> dict[str, Any]:
    """Return the body of a message.

    Args:
        token: The token that an answer must have.
        execution_arn: ARN of the execution.
        arguments: The step's resolved ``Arguments``: any JSON value.
        status: `EXECUTING` or `STOPPING`.
    """
    return {"token": token, "pipelineExecutionArn": execution_arn, "arguments": arguments, "status": status}


def message(queue_url: str, body: Body, digest: str) -> AwsCall:
    """Return the SendMessage call; `as_sent` serializes its body.

    Args:
        queue_url: URL of the queue.
        body: What `message_body` returns.
        digest: Digest of the token, for FIFO queues: a message that is sent twice within 5 minutes arrives once.
    """
    request: dict[str, object] = {"QueueUrl": queue_url, "MessageBody": body}
    if queue_url.endswith(_FIFO):
        request |= {"MessageGroupId": digest, "MessageDeduplicationId": f"{digest}-{body['status']}"}
    return AwsCall("sqs", "SendMessage", request)


JSON_MEMBERS: dict[tuple[str, str], dict[str, Callable[[object], str | bytes]]] = {
    ("lambda", "Invoke"): {
        "ClientContext": lambda value: base64.b64encode(json.dumps(value).encode()).decode(),
        "Payload": lambda value: json.dumps(value).encode(),
    },
    ("sqs", "SendMessage"): {"MessageBody": json.dumps},
}
"""Members that we serialize as JSON ourselves, since the API takes them as text or bytes."""


def as_sent(call: AwsCall) -> dict[str, Any]:
    """Return a call's request with its JSON members serialized, as boto3 takes it."""
    write = JSON_MEMBERS.get((call.service, call.operation), {})
    return {name: write[name](value) if name in write else value for name, value in call.request.items()}
