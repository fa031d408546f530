"""S3 objects: what steps do with them beside reading one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.errors import SageMakerPipelinesError

_MOST_KEYS = 1000
"""Keys that one DeleteObjects takes (API reference)."""


class NoObjectUriError(SageMakerPipelinesError, ValueError):
    """A text is not the URI of an S3 object."""


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``.

    Raises:
        NoObjectUriError: It is no S3 URI, or that of a whole bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key.strip("/"):
        raise NoObjectUriError(f"{uri!r} is not the S3 URI of an object, s3://bucket/key")
    return bucket, key


def write_object(client: Any, uri: str, body: bytes) -> None:
    """Write one object.

    Args:
        client: A boto3 client for S3.
        uri: Where.
        body: Its content.

    Raises:
        NoObjectUriError: The URI is not one of an object.
        CallRefusedError: S3 refused it.
    """
    bucket, key = split_uri(uri)
    call(client, "PutObject", {"Bucket": bucket, "Key": key, "Body": body})


def keys_below(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the key of every object with a prefix.

    Raises:
        CallRefusedError: S3 refused a call.
    """
    page: dict[str, Any] = {}
    while True:
        answer = call(client, "ListObjectsV2", {"Bucket": bucket, "Prefix": prefix, **page})
        yield from (str(entry["Key"]) for entry in answer.get("Contents", ()))
        if not answer.get("NextContinuationToken"):
            return
        page = {"ContinuationToken": answer["NextContinuationToken"]}


def exists(client: Any, bucket: str, key: str) -> bool:
    """Tell whether there is an object of exactly this key.

    Raises:
        CallRefusedError: S3 refused the call.
    """
    # Keys are listed in their order: the key itself comes before all that begin with it.
    answer = call(client, "ListObjectsV2", {"Bucket": bucket, "Prefix": key, "MaxKeys": 1})
    return any(entry["Key"] == key for entry in answer.get("Contents", ()))


def delete_objects(client: Any, bucket: str, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Delete objects, many with each call.

    Yields:
        Each key, with ``""`` if it is gone, else why not.

    Raises:
        CallRefusedError: S3 refused a whole call.
    """
    pending = iter(keys)
    while batch := list(islice(pending, _MOST_KEYS)):
        entries = [{"Key": key} for key in batch]
        answer = call(client, "DeleteObjects", {"Bucket": bucket, "Delete": {"Objects": entries, "Quiet": True}})
        faults = {error["Key"]: f"{error.get('Code')}: {error.get('Message')}" for error in answer.get("Errors", ())}
        yield from ((key, faults.get(key, "")) for key in batch)
