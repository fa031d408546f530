"""From an Airflow connection to boto3 clients."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest

from airflow_sm_pipelines.aws.lambda_function import LostAnswerError, invoke
from airflow_sm_pipelines.aws.requests.messages import invocation
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError
from airflow_sm_pipelines.execution import connection as connection_module
from airflow_sm_pipelines.execution.connection import AwsConnection, ConnectionInTriggerer

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


@pytest.mark.parametrize("conn_id", ["aws_default", "other"])
def test_a_connection_that_an_outage_of_airflow_hid_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch, conn_id: str
) -> None:
    """Airflow takes an outage for "there is none"; boto3's own credentials may be for another account."""
    known = json.dumps(
        {
            "conn_type": "aws",
            "login": "AKIAOFTHECONNECTION",
            "password": "secret",
            "extra": {"region_name": "eu-west-1"},
        }
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEWORKER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def exists(asked: str) -> bool:
        assert asked == conn_id
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", known)  # the outage is over
        return True

    monkeypatch.setattr(connection_module, "connection_exists", exists)

    client = AwsConnection(conn_id).client("sagemaker")

    assert client.meta.region_name == "eu-west-1"
    assert client._request_signer._credentials.access_key == "AKIAOFTHECONNECTION"


def test_a_client_is_renewed_after_some_minutes(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A triggerer lives for weeks: it must not keep the credentials that a connection once had."""
    connection = CONNECTIONS[0]
    first = connection.client("s3")
    now = time.monotonic()
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: now + 800)
    assert connection.client("s3") is first
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: now + 1000)
    assert connection.client("s3") is not first


KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
IN_EUROPE = {"region_name": "eu-west-1"}


@pytest.mark.parametrize(
    ("connection", "environment", "message"),
    [
        (
            AwsConnection("aws_default"),
            KEYS,
            "no AWS region: Airflow connection 'aws_default' gives none; set `region_name`",
        ),
        (
            AwsConnection("aws_default", **IN_EUROPE),
            {},
            "no AWS credentials: Airflow connection 'aws_default' has none; give it an access key or a role",
        ),
        (AwsConnection(None, **IN_EUROPE), {}, "no AWS credentials: boto3's own configuration on the worker"),
        (
            AwsConnection("mistyped", **IN_EUROPE),
            KEYS,
            "Airflow connection 'mistyped' does not exist; create it (`airflow connections add mistyped",
        ),
        (
            AwsConnection(None, **IN_EUROPE),
            {"AWS_PROFILE": "nobody"},
            "The config profile (nobody) could not be found; a profile is named by `profile_name`",
        ),
        (
            AwsConnection(None, **IN_EUROPE),
            {"AWS_ACCESS_KEY_ID": "key"},
            "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY; access key and secret key go together",
        ),
        (AwsConnection(None, "eu west 1"), KEYS, "region_name 'eu west 1' doesn't match a supported format"),
        (AwsConnection(None, **IN_EUROPE, botocore_config={"patience": 1}), KEYS, "keyword argument 'patience'"),
        (AwsConnection(None, **IN_EUROPE), {**KEYS, "AWS_ENDPOINT_URL": "nowhere"}, "Invalid endpoint: nowhere"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said_with_its_name_and_a_cure(
    connection: AwsConnection, environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CallNotMadeError) as caught:
        connection.client("sagemaker")

    assert message in str(caught.value)
    assert caught.value.exception_type is None, "no retry would help"


def test_a_service_that_the_installed_botocore_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CallNotMadeError, match=r"botocore \d[\d.]+ does not know the service sagemaker2; .*pip"):
        AwsConnection(None, "eu-west-1").client("sagemaker2")


def test_an_unreachable_sts_is_an_outage_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role of a connection is assumed when the client is made."""
    extra = {"region_name": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/r"}
    extra["endpoint_url"] = "http://127.0.0.1:9"
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SM_ROLE", json.dumps(connection))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(AwsCallError) as caught:
        AwsConnection("sm_role").client("sagemaker")

    assert caught.value.code == "EndpointConnectionError"
    assert caught.value.exception_type == "Step.SERVICE_FAULT"


def test_the_lambda_client_waits_for_15_minutes_and_never_repeats_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the connection and the environment say: each repetition would run the function again."""
    extra = {
        "region_name": "eu-west-1",
        "config_kwargs": {"read_timeout": 5, "retries": {"mode": "standard", "max_attempts": 7}, "connect_timeout": 3},
    }
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SM_LAMBDA", json.dumps(connection))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")

    for own in (None, {"read_timeout": 7, "retries": {"total_max_attempts": 9}}):
        config = AwsConnection("sm_lambda", botocore_config=own).client("lambda").meta.config
        assert config.read_timeout > 15 * 60
        assert config.tcp_keepalive is True
        assert config.retries["total_max_attempts"] == 1
    assert AwsConnection("sm_lambda").client("lambda").meta.config.connect_timeout == 3
    assert AwsConnection("sm_lambda").client("s3").meta.config.read_timeout == 5


@pytest.mark.loopback
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"])
def test_a_call_of_lambda_is_sent_once(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        requests = 0

        def serve() -> None:
            nonlocal requests
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65_536)
                    requests += 1
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        extra = {"region_name": "eu-west-1", "endpoint_url": f"http://127.0.0.1:{server.getsockname()[1]}"}
        uri = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SM_LAMBDA", json.dumps(uri))
        with pytest.raises(LostAnswerError):
            invoke(AwsConnection("sm_lambda").client("lambda"), invocation("f", {}, {}))
        server.shutdown(socket.SHUT_RDWR)
    thread.join()

    assert requests == 1


# -- in a triggerer ----------------------------------------------------------------------------------------------------


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def test_a_client_of_a_triggerer_gives_up_soon(credentials: None) -> None:
    config = ConnectionInTriggerer(None, "eu-west-1").client("sagemaker").meta.config

    assert (config.connect_timeout, config.read_timeout) == (5, 10)
    assert config.retries["total_max_attempts"] == 2


def test_what_the_step_says_counts_more_in_a_triggerer(credentials: None) -> None:
    own = ConnectionInTriggerer(None, "eu-west-1", botocore_config={"read_timeout": 25, "retries": {"max_attempts": 7}})
    config = own.client("sagemaker").meta.config

    assert (config.connect_timeout, config.read_timeout) == (5, 25)
    assert config.retries["total_max_attempts"] == 8


def test_workers_and_triggerers_do_not_share_a_client(credentials: None) -> None:
    connection = AwsConnection(None, "eu-west-1")
    in_triggerer = ConnectionInTriggerer.from_arguments(connection.as_arguments())

    assert in_triggerer.as_arguments() == connection.as_arguments()
    assert in_triggerer.client("sagemaker") is not connection.client("sagemaker")
    assert connection.client("sagemaker").meta.config.read_timeout == 60
