"""The policy simulation through a real boto3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.fixture
def iam(bench):
    return bench.client("iam")


def test_each_action_is_allowed_on_each_resource(iam):
    resources = ["arn:aws:s3:::a/*", "arn:aws:s3:::b&c/*"]
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ROLE, ActionNames=["s3:PutObject", "s3:GetObject"], ResourceArns=resources
    )
    assert answer["IsTruncated"] is False
    decisions = [
        (result["EvalActionName"], result["EvalResourceName"], result["EvalDecision"])
        for result in answer["EvaluationResults"]
    ]
    assert decisions == [
        (action, resource, "allowed") for action in ("s3:PutObject", "s3:GetObject") for resource in resources
    ]
    assert all(result["MatchedStatements"] == [] for result in answer["EvaluationResults"]), "no statement grants it"


def test_without_resources_all_are_meant(iam):
    [page] = iam.get_paginator("simulate_principal_policy").paginate(PolicySourceArn=ROLE, ActionNames=["sts:X"])
    assert [result["EvalResourceName"] for result in page["EvaluationResults"]] == ["*"]


def test_an_invalid_request_is_refused(bench):
    iam = bench.client("iam", parameter_validation=False)
    with pytest.raises(ClientError, match="'policySourceArn' failed to satisfy constraint") as caught:
        iam.simulate_principal_policy(ActionNames=["s3:GetObject"])
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_the_rest_of_iam_is_motos(iam):
    assert iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["RoleName"] == "r"
    iam.delete_role(RoleName="r")
