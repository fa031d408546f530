"""The messages of a Callback step, and how they are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.aws.requests.messages import EXECUTING, STOPPING
from airflow_sm_pipelines.callbacks.queue import (
    CallbackMessage,
    from_stored,
    region_of,
    send,
)
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.records import as_stored

ARN = "arn:aws:sagemaker:us-east-2:012345678901:pipeline/callback-pipeline/execution/7pinimwddh3a"
ARGUMENTS = {"number": 5, "stringArg": "some-arg", "deep": [{"x": None}, "naïve 🙂"]}
DIGEST = "d" * 64


class FakeSqs:
    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self.error = error

    def send_message(self, **request: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.requests.append(request)
        return {"MessageId": f"id-{len(self.requests)}"}


def message(queue_url: str = "https://sqs.us-east-2.amazonaws.com/012345678901/Queue") -> CallbackMessage:
    return CallbackMessage(queue_url, "26vcYbeWsZ", ARN, ARGUMENTS)


def test_the_body_is_that_of_the_developer_guide() -> None:
    sqs = FakeSqs()

    assert send(sqs, message(), EXECUTING, DIGEST) == "id-1"

    (request,) = sqs.requests
    assert sorted(request) == ["MessageBody", "QueueUrl"]
    assert json.loads(request["MessageBody"]) == {
        "token": "26vcYbeWsZ",
        "pipelineExecutionArn": ARN,
        "arguments": ARGUMENTS,
        "status": "Executing",
    }


def test_the_body_holds_only_characters_that_sqs_takes() -> None:
    sqs = FakeSqs()
    send(sqs, CallbackMessage("q", "t", ARN, "\0 \ufffe \U0001f642"), EXECUTING, DIGEST)
    assert sqs.requests[0]["MessageBody"].isascii()


def test_a_fifo_queue_takes_each_message_of_a_token_once_and_in_order() -> None:
    sqs, fifo = FakeSqs(), message("https://sqs.us-east-2.amazonaws.com/012345678901/Queue.fifo")
    for status in (EXECUTING, EXECUTING, STOPPING):
        send(sqs, fifo, status, DIGEST)

    assert {request["MessageGroupId"] for request in sqs.requests} == {DIGEST}
    first, again, stopping = (request["MessageDeduplicationId"] for request in sqs.requests)
    assert first == again != stopping
    assert len(stopping) <= 128


def test_a_refusal_has_its_retry_type() -> None:
    answer = {"Error": {"Code": "RequestThrottled", "Message": "slow"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    with pytest.raises(AwsCallError) as caught:
        send(FakeSqs(ClientError(answer, "SendMessage")), message(), EXECUTING, DIGEST)  # type: ignore[arg-type]
    assert caught.value.exception_type == "Step.THROTTLING"


def test_people_see_all_but_the_token() -> None:
    shown = message().shown()
    assert "26vcYbeWsZ" not in json.dumps(shown)
    assert shown["MessageBody"]["arguments"] == ARGUMENTS
    assert shown["QueueUrl"].endswith("/Queue")


def test_a_message_comes_back_from_what_is_stored() -> None:
    stored = json.loads(json.dumps(as_stored(message())))
    assert from_stored(stored) == message()
    assert from_stored({**stored, "added_later": 1}) == message()


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.us-east-2.amazonaws.com/012345678901/Queue", "us-east-2"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/012345678901/Queue", "cn-north-1"),
        ("https://eu-west-1.queue.amazonaws.com/012345678901/Queue", "eu-west-1"),
        ("http://127.0.0.1:5000/012345678901/Queue", None),
        ("https://sqs.example.com/012345678901/Queue", None),
        ("https://evil.example/?sqs.us-east-2.amazonaws.com/", None),
    ],
)
def test_the_region_is_that_of_the_queues_address(url: str, region: str | None) -> None:
    assert region_of(url) == region
