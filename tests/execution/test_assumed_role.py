"""A role that a step assumes: which credentials make its calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError
from airflow_sm_pipelines.execution import connection as connection_module
from airflow_sm_pipelines.execution.assumed_role import SESSION_NAME, _session_of_role, is_role_arn
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.local.server.local_aws import LocalAws

ROLE = "arn:aws:iam::222233334444:role/ml/Pipelines"
OF_CONNECTION = "arn:aws:iam::111122223333:role/OfTheConnection"


@pytest.fixture(scope="module")
def sts_aws() -> Iterator[LocalAws]:
    with LocalAws(sandbox="rewrite") as aws:
        yield aws


@pytest.fixture
def sts(sts_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all clients reach a local AWS, whose STS tells an access key's role."""
    monkeypatch.setattr(connection_module, "_clients", {})
    for name, value in sts_aws.environment().items():
        monkeypatch.setenv(name, value)


def caller(connection: AwsConnection) -> str:
    client: Any = connection.client("sts")
    return str(client.get_caller_identity()["Arn"])


@pytest.mark.loopback
@pytest.mark.usefixtures("sts")
def test_calls_are_made_with_the_credentials_of_the_assumed_role() -> None:
    assert caller(AwsConnection(None, assume_role_arn=ROLE)) == (
        f"arn:aws:sts::222233334444:assumed-role/Pipelines/{SESSION_NAME}"
    )
    assert "assumed-role" not in caller(AwsConnection(None))


@pytest.mark.loopback
@pytest.mark.usefixtures("sts")
def test_the_role_of_the_connection_assumes_that_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "eu-west-1", "role_arn": OF_CONNECTION}
    monkeypatch.setenv("AIRFLOW_CONN_SM_ROLE", json.dumps({"conn_type": "aws", "extra": extra}))

    assert caller(AwsConnection("sm_role")).endswith("assumed-role/OfTheConnection/airflow_sm_role")
    chained = AwsConnection("sm_role", assume_role_arn=ROLE)
    assert caller(chained).endswith(f"assumed-role/Pipelines/{SESSION_NAME}")
    assert chained.client("s3").meta.region_name == "eu-west-1"


@pytest.mark.loopback
@pytest.mark.usefixtures("sts")
def test_the_region_of_a_step_counts_for_its_role_too() -> None:
    assert AwsConnection(None, "eu-north-1", assume_role_arn=ROLE).client("sagemaker").meta.region_name == "eu-north-1"


def test_credentials_of_a_role_are_renewed_before_they_expire() -> None:
    """A triggerer lives for weeks, the session of a role for an hour."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sts: Any = boto3.client("sts", region_name="eu-west-1", **keys)

    def session_until(end: datetime, key: str) -> dict[str, Any]:
        return {"AccessKeyId": key, "SecretAccessKey": "secret", "SessionToken": "token", "Expiration": end}

    wanted = {"RoleArn": ROLE, "RoleSessionName": SESSION_NAME}
    now = datetime.now(UTC)
    with Stubber(sts) as stubber:
        stubber.add_response(
            "assume_role", {"Credentials": session_until(now + timedelta(seconds=5), "ASIAFIRSTFIRSTFI")}, wanted
        )
        session = _session_of_role(sts, ROLE, "eu-west-1")
        stubber.add_response(
            "assume_role", {"Credentials": session_until(now + timedelta(hours=1), "ASIASECONDSECOND")}, wanted
        )
        found = session.get_credentials()
        assert found is not None
        assert found.get_frozen_credentials().access_key == "ASIASECONDSECOND"
        stubber.assert_no_pending_responses()


def test_a_role_without_credentials_that_could_assume_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_clients", {})
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(CallNotMadeError) as caught:
        AwsConnection(None, "eu-west-1", assume_role_arn=ROLE).client("sagemaker")

    assert f"which is to assume {ROLE}: Unable to locate credentials; give it an access key" in str(caught.value)


@pytest.mark.loopback
def test_an_unreachable_sts_is_an_outage_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_clients", {})
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "1"}
    for name, value in {**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(AwsCallError) as caught:
        AwsConnection(None, "eu-west-1", assume_role_arn=ROLE).client("sagemaker")

    assert (caught.value.code, caught.value.exception_type) == ("EndpointConnectionError", "Step.SERVICE_FAULT")


@pytest.mark.parametrize("arn", [ROLE, "arn:aws-us-gov:iam::111122223333:role/R", OF_CONNECTION])
def test_the_arn_of_a_role_is_one(arn: str) -> None:
    assert is_role_arn(arn)


@pytest.mark.parametrize("other", ["R", "", 3, "arn:aws:iam::1:role/R", "arn:aws:iam::111122223333:user/R", f"{ROLE} "])
def test_anything_else_is_not(other: object) -> None:
    assert not is_role_arn(other)
