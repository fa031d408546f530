from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.preview.permissions.known_values import KnownValues
from airflow_sm_pipelines.preview.permissions.request_needs import request_needs
from tests.preview.permissions.conftest import HERE

KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"


def found(request: dict[str, Any]) -> set[tuple[str, tuple[str, ...]]]:
    return {(one.action, one.resources) for one, _ in request_needs(request, HERE, KnownValues({}).text)}


def on(request: dict[str, Any], action: str) -> set[str]:
    return {arn for name, resources in found(request) if name == action for arn in resources}


@pytest.mark.parametrize(
    ("request_", "reads", "writes"),
    [
        ({"ProcessingInputs": [{"S3Input": {"S3Uri": "s3://b/in"}}]}, True, False),
        ({"ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": "s3://b/in"}}]}}, False, True),
        ({"OutputDataConfig": {"S3OutputPath": "s3://b/in"}}, False, True),
        ({"CheckpointConfig": {"S3Uri": "s3://b/in"}}, True, True),
        ({"PrimaryContainer": {"ModelDataUrl": "s3://b/in"}}, True, False),
        ({"HyperParameters": {"sagemaker_submit_directory": '"s3://b/in"'}}, True, False),
        ({"AppSpecification": {"ContainerArguments": ["--out", "s3://b/in"]}}, True, True),
        ({"jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/in"}}}, True, False),
        ({"configurationOverrides": {"m": {"s3MonitoringConfiguration": {"logUri": "s3://b/in"}}}}, False, True),
        ({"Tags": [{"Key": "k", "Value": "s3://b/in"}]}, False, False),
    ],
)
def test_an_object_is_read_or_written_as_its_member_says(request_: dict[str, Any], reads: bool, writes: bool) -> None:
    assert on(request_, "s3:GetObject") == ({"arn:aws:s3:::b/in*"} if reads else set())
    assert on(request_, "s3:PutObject") == ({"arn:aws:s3:::b/in*"} if writes else set())
    assert on(request_, "s3:ListBucket") == ({"arn:aws:s3:::b"} if reads else set())


def test_of_an_argument_nobody_can_tell_whether_it_is_read_or_written() -> None:
    request = {"AppSpecification": {"ContainerArguments": ["s3://b/x"]}}

    reasons = {reason for _, reason in request_needs(request, HERE, str)}

    assert reasons == {"use AppSpecification.ContainerArguments[0]"}


def test_an_image_of_ecr_is_pulled_from_its_own_account_and_region() -> None:
    request = {"AppSpecification": {"ImageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/image:1.0"}}

    assert on(request, "ecr:BatchGetImage") == {"arn:aws:ecr:us-east-1:111122223333:repository/team/image"}
    assert on(request, "ecr:GetAuthorizationToken") == {"*"}
    assert found({"AppSpecification": {"ImageUri": "public.ecr.aws/x/y:1"}}) == set()


def test_a_volume_needs_a_grant_and_data_need_their_key() -> None:
    volume = {"ResourceConfig": {"VolumeKmsKeyId": "k"}}
    data = {"OutputDataConfig": {"KmsKeyId": KEY}}

    assert found(volume) == {("kms:CreateGrant", (KEY,))}
    assert {action for action, _ in found(data)} == {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}


def test_an_alias_allows_its_key_by_a_condition() -> None:
    [(allowed, _), *_] = request_needs({"OutputDataConfig": {"KmsKeyId": "alias/a"}}, HERE, str)

    assert allowed.resources == ("arn:aws:kms:eu-west-1:123456789012:key/*",)
    assert allowed.condition == ("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/a")


def test_a_network_interface_is_put_into_the_subnets_that_are_named() -> None:
    request = {"NetworkConfig": {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}}

    assert on(request, "ec2:CreateNetworkInterface") == {
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-1",
    }
    assert on(request, "ec2:DescribeSubnets") == {"*"}


def test_a_job_logs_to_the_mlflow_server_that_its_request_names() -> None:
    server = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/s"

    assert on({"MlflowConfig": {"MlflowResourceArn": server}}, "sagemaker-mlflow:*") == {server}


def test_an_object_that_only_a_run_knows_is_said_to_be_unknown() -> None:
    told: list[str] = []
    known = KnownValues({})
    request = {"PrimaryContainer": {"ModelDataUrl": "<Steps.A.X>"}}

    list(request_needs(request, HERE, lambda value: known.text(value, told.append)))

    assert told == ["Steps.A.X"]
