"""The messages of a Callback step, and how they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.fernet import Fernet

from airflow_sm_pipelines.aws.requests.messages import EXECUTING, STOPPING
from airflow_sm_pipelines.callbacks.queue import (
    CallbackMessage,
    NoSealError,
    from_stored,
    seal,
    send,
    unseal,
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


# -- the seal ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def use_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set Airflow's Fernet key, which Airflow reads once in a process."""
    from airflow.sdk.crypto import get_fernet

    def use(key: str) -> None:
        monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
        get_fernet.cache_clear()

    yield use
    get_fernet.cache_clear()


def test_a_sealed_message_shows_neither_token_nor_arguments(use_key: Callable[[str], None]) -> None:
    use_key(Fernet.generate_key().decode())
    sealed = seal(message())
    assert "26vcYbeWsZ" not in sealed
    assert "some-arg" not in sealed
    assert unseal(sealed) == message()


def test_another_key_does_not_open_the_seal(use_key: Callable[[str], None]) -> None:
    use_key(Fernet.generate_key().decode())
    sealed = seal(message())
    use_key(Fernet.generate_key().decode())
    with pytest.raises(NoSealError, match="sealed with another key"):
        unseal(sealed)


@pytest.mark.parametrize(("key", "complaint"), [("", "fernet_key is empty"), ("no key", "is not a Fernet key")])
def test_without_a_key_nothing_is_sealed(use_key: Callable[[str], None], key: str, complaint: str) -> None:
    use_key(key)
    with pytest.raises(NoSealError, match=complaint):
        seal(message())
