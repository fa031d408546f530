"""From an Airflow connection to boto3 clients."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from airflow_sm_pipelines.execution import connection as connection_module
from airflow_sm_pipelines.execution.connection import AwsConnection

CONNECTIONS = [
    AwsConnection(),
    AwsConnection(None, "eu-west-1"),
    AwsConnection("other", "us-east-1", verify="/ca.pem", botocore_config={"retries": {"max_attempts": 2}}),
    AwsConnection("other", verify=False),
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
    assert AwsConnection(**json.loads(json.dumps(connection.as_arguments()))) == connection


def test_there_is_one_client_for_each_connection_and_service(made: list[Any]) -> None:
    clients = [connection.client(service) for connection in CONNECTIONS for service in ("sagemaker", "s3")]

    assert len({id(client) for client in clients}) == len(made) == 8
    assert AwsConnection(**CONNECTIONS[2].as_arguments()).client("s3") is CONNECTIONS[2].client("s3")
    assert len(made) == 8


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


def test_the_client_follows_the_airflow_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "eu-central-1", "endpoint_url": "http://127.0.0.1:9"}
    uri = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SM_TEST", json.dumps(uri))

    client = AwsConnection("sm_test", botocore_config={"read_timeout": 7}).client("sagemaker")

    assert client.meta.region_name == "eu-central-1"
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.config.read_timeout == 7


def test_the_region_of_the_step_wins_over_that_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SM_TEST",
        json.dumps({"conn_type": "aws", "login": "k", "password": "s", "extra": {"region_name": "eu-central-1"}}),
    )

    assert AwsConnection("sm_test", "us-west-2").client("sagemaker").meta.region_name == "us-west-2"


def test_a_client_is_renewed_after_some_minutes(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A triggerer lives for weeks: it must not keep the credentials that a connection once had."""
    connection = CONNECTIONS[0]
    first = connection.client("s3")
    now = time.monotonic()
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: now + 800)
    assert connection.client("s3") is first
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: now + 1000)
    assert connection.client("s3") is not first
