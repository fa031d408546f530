"""An account of moto, with canned answers for the calls that moto does not have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.preflight.outcome import Checked
from airflow_sm_pipelines.preview.preflight.run import Preflight, run_preflight

PRINCIPAL = "arn:aws:iam::123456789012:role/Airflow"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def refusal(code: str) -> dict[str, Any]:
    """The answer of AWS to a call that it refuses."""
    return {"Error": {"Code": code, "Message": f"{code} it is"}, "ResponseMetadata": {"HTTPStatusCode": 400}}


@dataclass
class TestAccount:
    """An account in eu-west-1.

    Attributes:
        quotas: Name of a quota -> its value.
        denied: Actions that the simulation does not allow.
        answers: Operation -> what answers its calls instead of moto.
        simulated: The requests of all simulations.
        called: The operations that were called.
    """

    __test__ = False
    quotas: dict[str, float] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    answers: dict[str, Answer] = field(default_factory=dict)
    simulated: list[dict[str, Any]] = field(default_factory=list)
    called: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers |= {
            "ListServiceQuotas": lambda _: {"Quotas": [{"QuotaName": k, "Value": v} for k, v in self.quotas.items()]},
            "SimulatePrincipalPolicy": self._simulate,
        }

    def _simulate(self, request: dict[str, Any]) -> dict[str, Any]:
        self.simulated.append(request)
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": "implicitDeny" if action in self.denied else "allowed",
            }
            for action in request["ActionNames"]
            for resource in request["ResourceArns"]
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    def client(self, service: str, region: str = "") -> Any:
        make_client: Any = boto3.client
        client = make_client(service, region_name=region or None)
        asked: dict[str, Any] = {}

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.called.append(model.name)
            asked[model.name] = params

        def answer(model: Any, **_: Any) -> tuple[Any, Mapping[str, Any]] | None:
            canned = self.answers.get(model.name)
            if canned is None:
                return None
            found = canned(asked[model.name])
            return SimpleNamespace(status_code=400 if "Error" in found else 200), found

        client.meta.events.register("provide-client-params.*.*", note)
        client.meta.events.register("before-call.*.*", answer)
        return client


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestAccount]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield TestAccount()


@pytest.fixture
def fly(account: TestAccount) -> Callable[..., Preflight]:
    """Check a definition of some steps in the account."""

    def run(*steps: dict[str, Any], principal: str = PRINCIPAL, values: Any = None, **members: Any) -> Preflight:
        pipeline = load_pipeline({"Version": "2020-12-01", **members, "Steps": [*steps]})
        return run_preflight(pipeline, values or {}, account.client, principal=principal)

    return run


def on(found: Preflight, subject: str) -> Checked:
    """The only check whose subject begins with a text."""
    [one] = [one for one in found.checks if one.subject.startswith(subject)]
    return one


def create_role(name: str = "Jobs", trust: Mapping[str, Any] = TRUST) -> str:
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return str(role["Role"]["Arn"])


def create_bucket(name: str, region: str = "eu-west-1") -> None:
    boto3.client("s3", region_name=region).create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": region}
    )
