"""Operators of small definitions, without a database."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def make_tasks(definition: Any) -> Any:
    """Make the tasks of a definition's steps, by name."""
    from airflow_sm_pipelines import pipeline_dag

    def make(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None, **dag: Any) -> dict[str, Any]:
        body = definition(*steps, Parameters=parameters or [])
        return dict(pipeline_dag(body, dag_id="dag", aws_conn_id=None, **dag).task_dict)

    return make


@pytest.fixture
def processing(processing_arguments: dict[str, Any]) -> Any:
    """Make a Processing step."""

    def make(name: str, **members: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Processing", "Arguments": processing_arguments, **members}

    return make


@pytest.fixture
def condition() -> Any:
    """Make a Condition step that compares a value with the text ``yes``."""

    def make(name: str, left: Any, if_steps: list[Any], else_steps: list[Any], **members: Any) -> dict[str, Any]:
        arguments = {
            "Conditions": [{"Type": "Equals", "LeftValue": left, "RightValue": "yes"}],
            "IfSteps": if_steps,
            "ElseSteps": else_steps,
        }
        return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}

    return make


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A boto3 client whose answers are given in advance; a call that is not expected fails the test."""
    import boto3
    from botocore.stub import Stubber

    from airflow_sm_pipelines.execution.connection import AwsConnection

    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


class Crashed(BaseException):
    """The worker process is gone."""


class WatchedClient:
    """A boto3 client that notes its calls, and whose process dies right before or after one of them.

    Args:
        client: The client.
        at: Number of the call, from 1; 0 for none.
        before: Whether it dies before the call reaches AWS.
    """

    Crashed = Crashed

    def __init__(self, client: Any, at: int, *, before: bool) -> None:
        self._client, self._at, self._before = client, at, before
        self.made: list[str] = []

    @property
    def meta(self) -> Any:
        return self._client.meta

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def called(**request: Any) -> Any:
            self.made.append(name)
            dies = len(self.made) == self._at
            if dies and self._before:
                raise Crashed
            try:
                return method(**request)
            finally:
                if dies:
                    raise Crashed

        return called


@pytest.fixture(scope="module")
def rehearsing_aws() -> Iterator[Any]:
    """A local AWS in which deployments take no time."""
    from airflow_sm_pipelines.local.server.local_aws import LocalAws
    from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

    with LocalAws(sandbox="rewrite", stand_in=Rehearsal(job_seconds=0.03)) as aws:
        yield aws


@pytest.fixture
def hosting(rehearsing_aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client for SageMaker of that AWS, which all steps use; what the test has deployed is deleted after it."""
    import boto3

    from airflow_sm_pipelines.execution import job
    from airflow_sm_pipelines.execution.connection import AwsConnection

    place = {"endpoint_url": rehearsing_aws.endpoint_url, "region_name": "us-west-2"}
    client = boto3.client("sagemaker", aws_access_key_id="test", aws_secret_access_key="test", **place)
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: client)
    monkeypatch.setattr(job, "_FIRST_PAUSE", 0.005)
    yield client
    _put_faults(rehearsing_aws)
    for kind, plural in (("InferenceComponent", "inference_components"), ("Endpoint", "endpoints")):
        _delete_all(client, kind, plural)
    for found in client.list_endpoint_configs()["EndpointConfigs"]:
        client.delete_endpoint_config(EndpointConfigName=found["EndpointConfigName"])


def _delete_all(client: Any, kind: str, plural: str) -> None:
    from botocore import xform_name
    from botocore.exceptions import ClientError

    while found := getattr(client, f"list_{plural}")()[f"{kind}s"]:
        for one in found:
            name = {f"{kind}Name": one[f"{kind}Name"]}
            try:
                getattr(client, xform_name(f"Delete{kind}"))(**name)
            except ClientError as error:  # in motion, or gone already
                if error.response["Error"]["Code"] != "ValidationException":
                    raise


def _put_faults(aws: Any, *rules: dict[str, Any]) -> None:
    url = f"{aws.endpoint_url}/_local/faults"
    for method, body in (("DELETE", None), ("POST", json.dumps(rules).encode())):
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method)):
            pass


@pytest.fixture
def fail_deployments(rehearsing_aws: Any) -> Callable[..., None]:
    """Let the next call of an operation begin a deployment that fails."""

    def put(operation: str, reason: str) -> None:
        members = {"service": "sagemaker", "operation": operation, "reason": reason}
        _put_faults(rehearsing_aws, {**members, "action": "job_fail", "times": 1})

    return put


@pytest.fixture
def put_faults(rehearsing_aws: Any) -> Callable[..., None]:
    """Put fault rules in force for the test, in place of those that are."""
    return lambda *rules: _put_faults(rehearsing_aws, *rules)


@pytest.fixture
def through(hosting: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WatchedClient]:
    """Let all steps use a client that is watched, or crashes."""
    from airflow_sm_pipelines.execution.connection import AwsConnection

    def watch(at: int = 0, *, before: bool = False) -> WatchedClient:
        client = WatchedClient(hosting, at, before=before)
        monkeypatch.setattr(AwsConnection, "client", lambda self, service: client)
        return client

    return watch
