"""From an Airflow connection to boto3 clients."""

from __future__ import annotations

import gc
import json
import socket
import threading

import pytest

from airflow_sm_pipelines.aws.lambda_function import LostAnswerError, invoke
from airflow_sm_pipelines.aws.requests.messages import invocation
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError
from airflow_sm_pipelines.execution import clients
from airflow_sm_pipelines.execution import connection as connection_module
from airflow_sm_pipelines.execution.connection import AwsConnection


@pytest.fixture(autouse=True)
def no_clients_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_clients", {})


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

    monkeypatch.setattr(clients, "connection_exists", exists)

    client = AwsConnection(conn_id).client("sagemaker")

    assert client.meta.region_name == "eu-west-1"
    assert client._request_signer._credentials.access_key == "AKIAOFTHECONNECTION"


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


def test_a_client_names_this_package_to_aws_beside_what_its_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "eu-west-1", "config_kwargs": {"user_agent_extra": "team/ml"}}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SM_AGENT", json.dumps(connection))

    client = AwsConnection("sm_agent").client("sagemaker")

    assert client.meta.config.user_agent.endswith(f" team/ml {clients.USER_AGENT}")


def test_a_client_follows_the_endpoint_and_the_certificates_of_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {
        "region_name": "eu-west-1",
        "verify": False,
        "endpoint_url": "http://127.0.0.1:1",
        "service_config": {"s3": {"endpoint_url": "http://127.0.0.1:2"}},
    }
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SM_ENDPOINTS", json.dumps(connection))
    made = {service: AwsConnection("sm_endpoints").client(service) for service in ("sagemaker", "s3")}

    assert {service: client.meta.endpoint_url for service, client in made.items()} == {
        "sagemaker": "http://127.0.0.1:1",
        "s3": "http://127.0.0.1:2",
    }
    assert made["sagemaker"]._endpoint.http_session._verify is False


def test_no_client_searches_the_call_stack_for_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook's own way to a client does, for its user agent: the half of what a client costs."""
    monkeypatch.setattr("inspect.stack", lambda *_: pytest.fail("the call stack was searched"))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)

    AwsConnection(None, "eu-west-1").client("sagemaker")


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_garbage_collector_runs_on_when_a_client_was_made_or_could_not_be_made(
    is_enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(clients, "_config", lambda *_: seen.append(gc.isenabled()))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    was_enabled = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        AwsConnection(None, "eu-west-1").client("sagemaker")
        after = [gc.isenabled()]
        with pytest.raises(CallNotMadeError):
            AwsConnection(None, "eu west 1").client("sagemaker")
        after.append(gc.isenabled())
    finally:
        (gc.enable if was_enabled else gc.disable)()

    assert not any(seen), "while the client is made it pauses"
    assert after == [is_enabled, is_enabled]
