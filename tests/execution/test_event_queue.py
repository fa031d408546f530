"""The queue of events: the trigger that reads it, and what deletes its messages."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.triggers.base import BaseEventTrigger

from airflow_sm_pipelines.errors import CallRefusedError
from airflow_sm_pipelines.execution import event_queue
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.event_queue import EventQueueTrigger, QueueMessage, delete_message

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"
CONNECTION = AwsConnection("aws_ml", "eu-west-1")


class FakeQueue:
    """A boto3 client for SQS with prepared answers to ReceiveMessage."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def receive_message(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("ReceiveMessage", request))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Messages": [{"MessageId": one, "ReceiptHandle": f"r-{one}", "Body": "{}"} for one in answer]}

    def delete_message(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("DeleteMessage", request))
        return {}


@pytest.fixture
def trigger() -> EventQueueTrigger:
    return EventQueueTrigger(queue_url=URL, connection=CONNECTION.as_arguments(), visibility_timeout=300)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(event_queue.asyncio, "sleep", sleep)
    return found


def payloads(trigger: EventQueueTrigger, most: int) -> list[Any]:
    async def collect() -> list[Any]:
        found: list[Any] = []
        async for event in trigger.run():
            found.append(event.payload)
            if len(found) == most:
                break
        return found

    return asyncio.run(collect())


def use(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    monkeypatch.setattr(AwsConnection, "client", lambda *_: queue)
    return queue


def test_airflow_stores_the_trigger_and_makes_it_again(trigger: EventQueueTrigger) -> None:
    path, arguments = trigger.serialize()
    stored = json.loads(json.dumps(arguments))

    assert isinstance(trigger, BaseEventTrigger)
    assert path == "airflow_sm_pipelines.execution.event_queue.EventQueueTrigger"
    assert EventQueueTrigger(**stored, added_later=1).serialize() == trigger.serialize()


def test_each_message_is_an_event(
    trigger: EventQueueTrigger, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    queue = use(FakeQueue([], ["a", "b"], ["c"]), monkeypatch)

    found = [QueueMessage.from_payload(json.loads(json.dumps(one))) for one in payloads(trigger, 3)]

    assert found == [QueueMessage(one, f"r-{one}", "{}") for one in "abc"]
    assert queue.calls[0] == (
        "ReceiveMessage",
        {"QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 5, "VisibilityTimeout": 300},
    )


def test_the_trigger_deletes_nothing_so_that_a_triggerer_that_dies_loses_nothing(
    trigger: EventQueueTrigger, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    queue = use(FakeQueue(["a"], ["b"], ["c"]), monkeypatch)

    payloads(trigger, 3)

    assert {operation for operation, _ in queue.calls} == {"ReceiveMessage"}


@pytest.mark.parametrize(
    "error",
    [
        CallRefusedError("ReceiveMessage", "AccessDenied", "no", None),
        AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR)),
    ],
)
def test_a_refusal_does_not_end_it(
    trigger: EventQueueTrigger, monkeypatch: pytest.MonkeyPatch, pauses: list[float], error: Exception
) -> None:
    use(FakeQueue(error, ["a"]), monkeypatch)

    assert [one["message_id"] for one in payloads(trigger, 1)] == ["a"]
    assert 30 <= pauses[0] <= 33


def test_a_message_is_deleted_by_its_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = use(FakeQueue(), monkeypatch)

    delete_message(CONNECTION, URL, QueueMessage("a", "r-a", "{}"))

    assert queue.calls == [("DeleteMessage", {"QueueUrl": URL, "ReceiptHandle": "r-a"})]


@pytest.mark.loopback
def test_a_message_of_a_real_queue_comes_back_until_it_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    from airflow_sm_pipelines.local.server.local_aws import LocalAws

    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-west-2")
    with LocalAws(stop_grace_seconds=0.5, shutdown_grace_seconds=0.2) as aws:
        sqs = session.client("sqs", endpoint_url=aws.endpoint_url)
        monkeypatch.setattr(AwsConnection, "client", lambda *_: sqs)
        url = sqs.create_queue(QueueName="events")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody='{"id": "1"}')
        trigger = EventQueueTrigger(queue_url=url, connection=CONNECTION.as_arguments(), visibility_timeout=1)

        first, again = (QueueMessage.from_payload(one) for one in payloads(trigger, 2))
        delete_message(CONNECTION, url, again)

        assert (first.message_id, first.body) == (again.message_id, '{"id": "1"}')
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)
