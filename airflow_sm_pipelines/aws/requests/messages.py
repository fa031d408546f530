"""What Lambda and Callback steps send: an invocation, a message. Neither creates a resource.

Sources: Lambda API reference, "Invoke"; developer guide, "Callback step": the body of a message has a token, the
execution's ARN, the step's arguments and a status. A FIFO queue needs a group and a deduplication id, which the guide
does not mention; ours are made of the token's digest, so that the messages of one token stay in order, and those of
different tokens do not wait for each other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Body, Calls, StepStart, only_call
from airflow_sm_pipelines.errors import UnfitRequestError

EXECUTING = "Executing"
STOPPING = "Stopping"

_FIFO = ".fifo"


def lambda_calls(start: StepStart) -> Calls[AwsCall]:
    """Invoke the step's function."""
    function, event = function_and_event(start)
    custom = custom_context(start.execution_id, start.step, start.token, start.try_number)
    return (yield from only_call(invocation(function, event, custom)))


def function_and_event(start: StepStart) -> tuple[str, Any]:
    """Return the function that a Lambda step invokes, and what the handler is given.

    Raises:
        UnfitRequestError: The function is no text.
        UndefinedReferenceError: A reference has no value.
    """
    function = start.members().get("FunctionArn")
    if not isinstance(function, str) or not function:
        raise UnfitRequestError(f"FunctionArn: must be the name or ARN of a function, but is {function!r}")
    return function, start.resolved_arguments(payload=True)


def custom_context(execution_id: str, step: str, token: str, try_number: str) -> dict[str, str]:
    """Return what a handler needs to know an invocation that repeats another: all but the try are the same."""
    return {"executionId": execution_id, "step": step, "token": token, "try": try_number}


def invocation(function: str, event: Any, custom: Mapping[str, str]) -> AwsCall:
    """Return the Invoke call, its JSON members as JSON.

    Args:
        function: Name or ARN of the function, with or without a version or alias.
        event: What the handler is given; JSON.
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
    """Send the message that asks for an answer."""
    queue_url, arn, arguments = queue_and_content(start)
    body = message_body(start.token, arn, arguments, EXECUTING)
    return (yield from only_call(message(queue_url, body, f"<digest of {start.token}>")))


def queue_and_content(start: StepStart) -> tuple[str, str, Any]:
    """Return the queue of a Callback step, the ARN of the execution, and the arguments of its message.

    Raises:
        UnfitRequestError: The queue is no text.
        UndefinedReferenceError: A reference has no value.
    """
    queue_url = start.members().get("SqsQueueUrl")
    if not isinstance(queue_url, str) or not queue_url:
        raise UnfitRequestError(f"SqsQueueUrl: must be the URL of a queue, but is {queue_url!r}")
    arguments = start.resolved_arguments(payload=True)
    arn = start.resolve({"Get": "Execution.PipelineExecutionArn"}, "Execution.PipelineExecutionArn", False)
    return queue_url, str(arn), arguments


def message_body(token: str, execution_arn: str, arguments: Any, status: str) -> dict[str, Any]:
    """Return the body of a message.

    Args:
        token: The token with which the step is answered.
        execution_arn: ``pipelineExecutionArn``.
        arguments: The step's resolved ``Arguments``: any JSON.
        status: `EXECUTING` or `STOPPING`.
    """
    return {"token": token, "pipelineExecutionArn": execution_arn, "arguments": arguments, "status": status}


def message(queue_url: str, body: Body, digest: str) -> AwsCall:
    """Return the SendMessage call, its body as JSON.

    Args:
        queue_url: The queue.
        body: What `message_body` returns.
        digest: Digest of the token, for FIFO queues: the same message sent twice within 5 minutes arrives once.
    """
    request: dict[str, Any] = {"QueueUrl": queue_url, "MessageBody": body}
    if queue_url.endswith(_FIFO):
        request |= {"MessageGroupId": digest, "MessageDeduplicationId": f"{digest}-{body['status']}"}
    return AwsCall("sqs", "SendMessage", request)


JSON_MEMBERS: dict[tuple[str, str], dict[str, Callable[[Any], Any]]] = {
    ("lambda", "Invoke"): {
        "ClientContext": lambda value: base64.b64encode(json.dumps(value).encode()).decode(),
        "Payload": lambda value: json.dumps(value).encode(),
    },
    ("sqs", "SendMessage"): {"MessageBody": json.dumps},
}
"""Members that go over the wire as JSON of our own making: how each is written."""


def as_sent(call: AwsCall) -> dict[str, Any]:
    """Return a call's request in the form that boto3 takes."""
    write = JSON_MEMBERS.get((call.service, call.operation), {})
    return {name: write[name](value) if name in write else value for name, value in call.request.items()}
