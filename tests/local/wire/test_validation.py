from __future__ import annotations

import botocore.session
import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.validation import validate_request

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.fixture(scope="module")
def shape():
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateProcessingJob").input_shape


def request_with(**members):
    """A valid request with some members replaced; ``None`` removes one."""
    request = {
        "ProcessingJobName": "job",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        **members,
    }
    return {name: value for name, value in request.items() if value is not None}


def cluster(**members):
    config = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, **members}
    return {"ProcessingResources": {"ClusterConfig": config}}


def refusal(shape, **members):
    with pytest.raises(AwsError) as caught:
        validate_request(shape, request_with(**members))
    assert caught.value.http_status == 400
    return caught.value.code, caught.value.message


def test_a_valid_request_passes(shape):
    validate_request(shape, request_with(Environment={"A": "b"}, Tags=[{"Key": "k", "Value": "v"}]))


PREFIX = "1 validation error detected: "


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"ProcessingJobName": "a_b"},
            "Value 'a_b' at 'processingJobName' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        ({"RoleArn": None}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        (
            {"AppSpecification": {"ImageUri": "x" * 256}},
            f"Value '{'x' * 256}' at 'appSpecification.imageUri' failed to satisfy constraint: Member must have "
            "length less than or equal to 255",
        ),
        (
            cluster(VolumeSizeInGB=0),
            "Value '0' at 'processingResources.clusterConfig.volumeSizeInGB' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            cluster(InstanceCount=101),
            "Value '101' at 'processingResources.clusterConfig.instanceCount' failed to satisfy constraint: "
            "Member must have value less than or equal to 100",
        ),
        (
            {"AppSpecification": {"ImageUri": "x", "ContainerEntrypoint": []}},
            "Value '[]' at 'appSpecification.containerEntrypoint' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1",
        ),
        (
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}]},
            "Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater than "
            "or equal to 1",
        ),
        (
            {"Environment": {"1A": "b"}},
            "Value '{1A=b}' at 'environment' failed to satisfy constraint: Map keys must satisfy constraint: "
            "[Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]",
        ),
        (
            {"Environment": {"A": "b" * 257}},
            f"Value '{{A={'b' * 257}}}' at 'environment' failed to satisfy constraint: Map value must satisfy "
            "constraint: [Member must have length less than or equal to 256]",
        ),
        (
            {"ProcessingJobNaem": "x"},
            "Value at 'processingJobNaem' failed to satisfy constraint: Member must be one of the members of "
            "the request",
        ),
    ],
)
def test_a_violated_constraint_is_told_as_aws_tells_it(shape, members, message):
    assert refusal(shape, **members) == ("ValidationException", PREFIX + message)


def test_an_enum_lists_its_values(shape):
    _, message = refusal(shape, **cluster(InstanceType="ml.huge"))
    assert "Value 'ml.huge' at 'processingResources.clusterConfig.instanceType'" in message
    assert "Member must satisfy enum value set: [ml.t3.medium, ml.t3.large, " in message


def test_several_violations_are_counted_and_listed(shape):
    code, message = refusal(shape, ProcessingJobName="a_b", RoleArn=None)
    assert code == "ValidationException"
    assert message.startswith("2 validation errors detected: Value null at 'roleArn'")
    assert message.count("failed to satisfy constraint") == 2
    assert "; Value 'a_b' at 'processingJobName'" in message


def test_null_is_as_good_as_absent(shape):
    validate_request(shape, {**request_with(), "Environment": None})
    with pytest.raises(AwsError, match="Value null at 'roleArn'"):
        validate_request(shape, {**request_with(), "RoleArn": None})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"ProcessingJobName": 3}, "NUMBER_VALUE can not be converted to a String (at 'processingJobName')"),
        (
            cluster(InstanceCount="2"),
            "STRING_VALUE can not be converted to an Integer (at 'processingResources.clusterConfig.instanceCount')",
        ),
        (
            cluster(InstanceCount=True),
            "TRUE_VALUE can not be converted to an Integer (at 'processingResources.clusterConfig.instanceCount')",
        ),
        ({"Tags": {}}, "START_OBJECT can not be converted to a List (at 'tags')"),
        ({"AppSpecification": "x"}, "STRING_VALUE can not be converted to a Structure (at 'appSpecification')"),
    ],
)
def test_a_wrong_json_type_is_a_serialization_exception(shape, members, message):
    assert refusal(shape, **members) == ("SerializationException", message)


def test_sensitive_values_are_not_repeated():
    model = botocore.session.get_session().get_service_model("cognito-idp")
    shape = model.operation_model("ChangePassword").input_shape
    request = {"PreviousPassword": "old", "ProposedPassword": "\n hunter2", "AccessToken": "token"}
    with pytest.raises(AwsError) as caught:
        validate_request(shape, request)
    assert "Value at 'proposedPassword'" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_values_and_what_is_missing_can_be_tolerated(shape):
    told = []
    validate_request(shape, request_with(RoleArn="<role>", AppSpecification=None), told.append)
    [message] = told
    assert message.startswith("3 validation errors detected: Value null at 'appSpecification'")
    assert "Value '<role>' at 'roleArn' failed to satisfy constraint" in message


def test_an_unknown_member_and_a_wrong_type_are_never_tolerated(shape):
    told = []
    for members in ({"Enviroment": {}}, {"RoleArn": 1}):
        with pytest.raises(AwsError):
            validate_request(shape, request_with(**members), told.append)
    assert told == []
