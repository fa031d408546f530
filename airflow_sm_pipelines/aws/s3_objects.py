"""URIs of S3 objects."""

from __future__ import annotations

from airflow_sm_pipelines.errors import UnfitRequestError


class NoObjectUriError(UnfitRequestError):
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
