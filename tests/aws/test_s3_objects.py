"""URIs of S3 objects."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError, split_uri


def test_a_uri_is_bucket_and_key() -> None:
    assert split_uri("s3://bucket/a folder/key.json") == ("bucket", "a folder/key.json")
    assert split_uri("s3://bucket/folder/") == ("bucket", "folder/")
    assert split_uri("s3://[b/o") == ("[b", "o")


@pytest.mark.parametrize("key", ["a?b", "a#b", "?versionId=1", "#", "%2F", "a//b", "/a", "a;b&c=d"])
def test_a_key_is_the_rest_as_it_is(key: str) -> None:
    assert split_uri(f"s3://bucket/{key}") == ("bucket", key)


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://bucket//", "s3:///key", "https://bucket/key", ""])
def test_a_bucket_is_no_object(uri: str) -> None:
    with pytest.raises(NoObjectUriError, match="not the S3 URI of an object"):
        split_uri(uri)
