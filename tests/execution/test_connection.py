"""From an Airflow connection to boto3 clients."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from airflow_sm_pipelines.errors import CallNotMadeError
from airflow_sm_pipelines.execution import connection as connection_module
from airflow_sm_pipelines.execution.connection import AwsConnection

CONNECTIONS = [
    AwsConnection(),
    AwsConnection(None, "eu-west-1"),
    AwsConnection("other", "us-east-1", verify="/ca.pem", botocore_config={"retries": {"max_attempts": 2}}),
    AwsConnection("other", verify=False),
    AwsConnection("other", assume_role_arn="arn:aws:iam::222233334444:role/R"),
]


@pytest.fixture(autouse=True)
def no_clients_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_clients", {})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[AwsConnection, str]]:
    """What clients were made, instead of making them."""
    found: list[tuple[AwsConnection, str]] = []

    def new_client(self: AwsConnection, service: str) -> object:
        time.sleep(0.01)
        found.append((self, service))
        return object()

    monkeypatch.setattr(AwsConnection, "_new_client", new_client)
    return found


@pytest.mark.parametrize("connection", CONNECTIONS, ids=repr)
def test_a_connection_comes_back_from_a_triggers_json(connection: AwsConnection) -> None:
    stored = json.loads(json.dumps(connection.as_arguments()))
    assert AwsConnection.from_arguments(stored) == connection
    assert AwsConnection.from_arguments({**stored, "added_later": 1}) == connection


def test_there_is_one_client_for_each_connection_and_service(made: list[Any]) -> None:
    clients = [connection.client(service) for connection in CONNECTIONS for service in ("sagemaker", "s3")]

    assert len({id(client) for client in clients}) == len(made) == 10
    assert AwsConnection.from_arguments(CONNECTIONS[2].as_arguments()).client("s3") is CONNECTIONS[2].client("s3")
    assert len(made) == 10


def test_threads_share_the_client(made: list[Any]) -> None:
    clients: list[Any] = []
    threads = [
        threading.Thread(target=lambda: clients.append(AwsConnection(None, "eu-west-1").client("sagemaker")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert len({id(client) for client in clients}) == 1


def test_a_connection_that_hangs_makes_no_other_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a triggerer, each of its triggers would."""
    hangs, released = threading.Event(), threading.Event()

    def new_client(self: AwsConnection, service: str) -> object:
        if self == CONNECTIONS[0]:
            hangs.set()
            assert released.wait(30)
        return object()

    monkeypatch.setattr(AwsConnection, "_new_client", new_client)
    hanging = threading.Thread(target=CONNECTIONS[0].client, args=("sagemaker",), daemon=True)
    hanging.start()
    assert hangs.wait(30)
    found: list[Any] = []
    other = threading.Thread(target=lambda: found.append(CONNECTIONS[1].client("sagemaker")), daemon=True)
    other.start()
    other.join(10)
    made = len(found)
    released.set()
    for thread in (hanging, other):
        thread.join()

    assert made == 1


def test_after_an_error_the_next_caller_makes_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [CallNotMadeError("no AWS credentials"), "client"]

    def new_client(self: AwsConnection, service: str) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(AwsConnection, "_new_client", new_client)
    with pytest.raises(CallNotMadeError):
        CONNECTIONS[0].client("sagemaker")
    assert CONNECTIONS[0].client("sagemaker") == "client"


def test_a_client_is_renewed_after_some_minutes(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A triggerer lives for weeks: it must not keep the credentials that a connection once had."""
    connection = CONNECTIONS[0]
    first = connection.client("s3")
    now = time.monotonic()
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: now + 800)
    assert connection.client("s3") is first
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: now + 1000)
    assert connection.client("s3") is not first
