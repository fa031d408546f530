"""URIs of S3 objects.

Such a URI is not parsed as a URL: a key may hold ``?``, ``#`` and ``%``, and each stands for itself.
"""

from __future__ import annotations

from airflow_sm_pipelines.errors import UnfitRequestError

_SCHEME = "s3://"


class NoObjectUriError(UnfitRequestError):
    """A string is not the URI of an S3 object."""


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return what stands before and after the first slash of an S3 URI, as it is; two empty texts for any other text.

    The key of a URI that names a whole bucket is empty.
    """
    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    return (bucket, key) if uri.startswith(_SCHEME) else ("", "")


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``.

    Raises:
        NoObjectUriError: The string is not an S3 URI, or names a whole bucket.
    """
    bucket, key = bucket_and_key(uri)
    if not bucket or not key.strip("/"):
        raise NoObjectUriError(f"{uri!r} is not the S3 URI of an object, s3://bucket/key")
    return bucket, key
