"""Model package groups through a real boto3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

PREFIX = "arn:aws:sagemaker:us-west-2:123456789012:model-package-group"


def create(bench, name, **members):
    return bench.sagemaker.create_model_package_group(ModelPackageGroupName=name, **members)["ModelPackageGroupArn"]


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_group_is_described_by_name_and_by_arn(bench):
    arn = create(bench, "described", ModelPackageGroupDescription="d", Tags=[{"Key": "a", "Value": "b"}])
    assert arn == f"{PREFIX}/described"
    for name in ("described", arn):
        description = bench.sagemaker.describe_model_package_group(ModelPackageGroupName=name)
        assert description["ModelPackageGroupName"] == "described"
        assert description["ModelPackageGroupStatus"] == "Completed"
        assert description["ModelPackageGroupDescription"] == "d"
    assert bench.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_group_exists_once(bench):
    arn = create(bench, "twice")
    request = {"ModelPackageGroupName": "twice"}
    answer = refusal(bench.sagemaker.create_model_package_group, **request)
    assert answer == ("ValidationException", f"Model Package Group already exists: {arn}")


@pytest.mark.parametrize("operation", ["describe_model_package_group", "delete_model_package_group"])
def test_an_unknown_group_is_refused(bench, operation):
    answer = refusal(getattr(bench.sagemaker, operation), ModelPackageGroupName="unknown")
    assert answer == ("ValidationException", f"ModelPackageGroup {PREFIX}/unknown does not exist.")


def test_groups_are_listed_oldest_first(bench):
    for number in range(3):
        create(bench, f"listed-{number}")
    entries = bench.sagemaker.list_model_package_groups(NameContains="listed-")["ModelPackageGroupSummaryList"]
    assert [entry["ModelPackageGroupName"] for entry in entries] == ["listed-0", "listed-1", "listed-2"]


def test_a_group_with_packages_is_not_deleted(bench):
    create(bench, "full")
    arn = bench.sagemaker.create_model_package(ModelPackageGroupName="full")["ModelPackageArn"]
    code, message = refusal(bench.sagemaker.delete_model_package_group, ModelPackageGroupName="full")
    assert (code, "still has model packages" in message) == ("ConflictException", True)
    bench.sagemaker.delete_model_package(ModelPackageName=arn)
    bench.sagemaker.delete_model_package_group(ModelPackageGroupName="full")
    assert refusal(bench.sagemaker.describe_model_package_group, ModelPackageGroupName="full")
