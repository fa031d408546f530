"""What steps do with S3 objects, against a stubbed API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from airflow_sm_pipelines.aws.s3_objects import (
    NoObjectUriError,
    delete_objects,
    exists,
    keys_below,
    split_uri,
    write_object,
)


@pytest.fixture
def api() -> Any:
    import boto3

    client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_uri_is_bucket_and_key() -> None:
    assert split_uri("s3://bucket/a folder/key.json") == ("bucket", "a folder/key.json")
    assert split_uri("s3://bucket/folder/") == ("bucket", "folder/")


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://bucket//", "s3:///key", "https://bucket/key", ""])
def test_a_bucket_is_no_object(uri: str) -> None:
    with pytest.raises(NoObjectUriError, match="not the S3 URI of an object"):
        split_uri(uri)


def test_an_object_is_written(api: Any) -> None:
    api.add_response("put_object", {}, {"Bucket": "bucket", "Key": "key", "Body": b"text"})
    write_object(api.client, "s3://bucket/key", b"text")


def test_keys_come_from_all_pages(api: Any) -> None:
    query = {"Bucket": "bucket", "Prefix": "out/"}
    first = {"Contents": [{"Key": "out/a"}], "NextContinuationToken": "more"}
    api.add_response("list_objects_v2", first, query)
    api.add_response("list_objects_v2", {"Contents": [{"Key": "out/b"}]}, {**query, "ContinuationToken": "more"})
    assert list(keys_below(api.client, "bucket", "out/")) == ["out/a", "out/b"]


def test_an_object_is_not_one_that_begins_with_its_key(api: Any) -> None:
    for found, answer in (("part-1", True), ("part-10", False)):
        query = {"Bucket": "bucket", "Prefix": "part-1", "MaxKeys": 1}
        api.add_response("list_objects_v2", {"Contents": [{"Key": found}]}, query)
        assert exists(api.client, "bucket", "part-1") is answer


def test_thousand_objects_are_deleted_with_one_call(api: Any) -> None:
    keys = [f"k{number}" for number in range(1001)]
    for batch in (keys[:1000], keys[1000:]):
        entries = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
        api.add_response("delete_objects", {}, {"Bucket": "bucket", "Delete": entries})
    assert list(delete_objects(api.client, "bucket", keys)) == [(key, "") for key in keys]


def test_an_object_that_cannot_be_deleted_says_why(api: Any) -> None:
    errors = [{"Key": "b", "Code": "AccessDenied", "Message": "no"}]
    api.add_response("delete_objects", {"Errors": errors}, {"Bucket": "bucket", "Delete": ANY})
    assert list(delete_objects(api.client, "bucket", ["a", "b"])) == [("a", ""), ("b", "AccessDenied: no")]


def test_nothing_is_deleted_without_a_call(api: Any) -> None:
    assert list(delete_objects(api.client, "bucket", [])) == []
