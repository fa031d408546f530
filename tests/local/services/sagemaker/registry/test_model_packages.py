"""Model packages through a real boto3."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

PREFIX = "arn:aws:sagemaker:us-west-2:123456789012:model-package"
SPECIFICATION = {
    "Containers": [{"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz", "Environment": {"A": "b"}}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/e.json"}}, "Bias": {}}

VALIDATION = {
    "ValidationRole": "arn:aws:iam::123456789012:role/SageMakerRole",
    "ValidationProfiles": [
        {
            "ProfileName": "p",
            "TransformJobDefinition": {
                "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}},
                "TransformOutput": {"S3OutputPath": "s3://b/out"},
                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            },
        }
    ],
}


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def group(bench, request):
    name = request.node.name.replace("_", "-").split("[")[0][:60].strip("-")
    bench.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


@pytest.fixture
def create(bench):
    return lambda **request: bench.sagemaker.create_model_package(**request)["ModelPackageArn"]


@pytest.fixture
def describe(bench):
    return lambda name: bench.sagemaker.describe_model_package(ModelPackageName=name)


def test_packages_of_a_group_are_numbered(group, create, describe):
    arns = [create(ModelPackageGroupName=name) for name in (group, f"{PREFIX}-group/{group}")]
    assert arns == [f"{PREFIX}/{group}/1", f"{PREFIX}/{group}/2"]
    description = describe(arns[1])
    assert (description["ModelPackageGroupName"], description["ModelPackageVersion"]) == (group, 2)


def test_a_version_is_never_given_twice(bench, group, create):
    bench.sagemaker.delete_model_package(ModelPackageName=create(ModelPackageGroupName=group))
    assert create(ModelPackageGroupName=group) == f"{PREFIX}/{group}/2"


def test_a_package_is_described_as_it_was_created(group, create, describe):
    request = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": SPECIFICATION,
        "ModelMetrics": METRICS,
        "CustomerMetadataProperties": {"a": "b"},
        "SkipModelValidation": "None",
    }
    description = describe(create(**request))
    assert request.items() <= description.items()
    assert description["ModelPackageStatus"] == "Completed"
    assert description["ModelPackageStatusDetails"]["ValidationStatuses"] == []


def test_a_version_waits_for_approval_by_default(group, create, describe):
    assert describe(create(ModelPackageGroupName=group))["ModelApprovalStatus"] == "PendingManualApproval"
    approved = create(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
    assert describe(approved)["ModelApprovalStatus"] == "Approved"


def test_a_package_without_a_group_has_a_name_and_no_version(create, describe):
    arn = create(ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
    assert arn == f"{PREFIX}/alone"
    for name in ("alone", arn):
        description = describe(name)
        assert description["ModelPackageName"] == "alone"
        assert "ModelPackageVersion" not in description
        assert "ModelApprovalStatus" not in description


def test_a_package_without_a_group_exists_once(create):
    create(ModelPackageName="once")
    code, message = refusal(create, ModelPackageName="once")
    assert (code, message) == ("ConflictException", f"ModelPackage already exists: {PREFIX}/once")


def test_a_missing_group_is_refused(create):
    code, message = refusal(create, ModelPackageGroupName="missing")
    assert (code, message) == ("ValidationException", f"ModelPackageGroup {PREFIX}-group/missing does not exist.")


def test_the_same_client_token_gives_the_same_package(group, create):
    first = create(ModelPackageGroupName=group, ClientToken="t-1", InferenceSpecification=SPECIFICATION)
    assert create(ModelPackageGroupName=group, ClientToken="t-1", InferenceSpecification=SPECIFICATION) == first
    assert create(ModelPackageGroupName=group, ClientToken="t-2") == f"{PREFIX}/{group}/2"


def test_a_client_token_with_another_request_is_a_conflict(group, create):
    create(ModelPackageGroupName=group, ClientToken="t-3")
    code, message = refusal(create, ModelPackageGroupName=group, ClientToken="t-3", ModelApprovalStatus="Approved")
    assert (code, "t-3 was used with other parameters" in message) == ("ConflictException", True)


@pytest.mark.parametrize(
    ("request_members", "expected"),
    [
        ({}, "either a ModelPackageName or a ModelPackageGroupName"),
        ({"ModelPackageName": "a", "ModelPackageGroupName": "b"}, "either a ModelPackageName or"),
        ({"ModelPackageName": "a", "ModelApprovalStatus": "Approved"}, "does not apply to unversioned"),
        ({"ModelPackageName": "a", "ValidationSpecification": VALIDATION}, "does not support ValidationSpecification"),
    ],
)
def test_rules_of_the_request_are_checked(create, request_members, expected):
    code, message = refusal(create, **request_members)
    assert (code, expected in message) == ("ValidationException", True)


def test_an_unknown_package_is_refused(bench):
    name = f"{PREFIX}/some-group/7"
    calls = {
        "describe_model_package": "ModelPackageName",
        "delete_model_package": "ModelPackageName",
        "update_model_package": "ModelPackageArn",
    }
    for operation, member in calls.items():
        answer = refusal(getattr(bench.sagemaker, operation), **{member: name})
        assert answer == ("ValidationException", f"ModelPackage {name} does not exist.")


def test_approval_can_be_given_later(bench, group, create, describe):
    arn = create(ModelPackageGroupName=group, CustomerMetadataProperties={"a": "1", "b": "2"})
    time.sleep(0.01)  # times are told to the millisecond
    bench.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="good",
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    description = describe(arn)
    assert (description["ModelApprovalStatus"], description["ApprovalDescription"]) == ("Approved", "good")
    assert description["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert description["LastModifiedTime"] > description["CreationTime"]


def test_packages_are_listed_by_group_approval_and_type(bench, group, create):
    first, second = create(ModelPackageGroupName=group), create(ModelPackageGroupName=group)
    bench.sagemaker.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    create(ModelPackageName="unversioned")

    def listed(**request):
        entries = bench.sagemaker.list_model_packages(MaxResults=100, **request)["ModelPackageSummaryList"]
        return [entry["ModelPackageArn"] for entry in entries]

    assert listed(ModelPackageGroupName=group) == [first, second]
    assert listed(ModelPackageGroupName=group, SortOrder="Descending") == [second, first]
    assert listed(ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [second]
    assert f"{PREFIX}/unversioned" in listed()
    assert not {first, second} & set(listed())
    assert {first, second, f"{PREFIX}/unversioned"} <= set(listed(ModelPackageType="Both"))
