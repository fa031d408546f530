from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def arn(bench, request):
    name = request.node.name.replace("_", "-")[:60].strip("-")
    return bench.create(name, ["true"], Tags=[{"Key": "team", "Value": "ml"}, {"Key": "stage", "Value": "x"}])


def tags_of(bench, arn):
    return {tag["Key"]: tag["Value"] for tag in bench.sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def test_tags_of_the_create_request_are_listed(bench, arn):
    assert tags_of(bench, arn) == {"team": "ml", "stage": "x"}


def test_added_tags_replace_those_of_the_same_key(bench, arn):
    answer = bench.sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "team", "Value": "data"}, {"Key": "new", "Value": ""}]
    )
    expected = {"team": "data", "stage": "x", "new": ""}
    assert {tag["Key"]: tag["Value"] for tag in answer["Tags"]} == tags_of(bench, arn) == expected


def test_deleted_tags_are_gone_and_others_stay(bench, arn):
    bench.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team", "not-there"])
    assert tags_of(bench, arn) == {"stage": "x"}


def test_more_than_fifty_tags_are_refused_and_none_is_added(bench, arn):
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    with pytest.raises(ClientError, match="at most 50 tags"):
        bench.sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    assert tags_of(bench, arn) == {"team": "ml", "stage": "x"}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("add_tags", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("delete_tags", {"TagKeys": ["a"]}),
        ("list_tags", {}),
    ],
)
def test_an_unknown_resource_is_refused(bench, operation, members):
    unknown = "arn:aws:sagemaker:us-west-2:123456789012:processing-job/unknown"
    with pytest.raises(ClientError) as caught:
        getattr(bench.sagemaker, operation)(ResourceArn=unknown, **members)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert unknown in caught.value.response["Error"]["Message"]
