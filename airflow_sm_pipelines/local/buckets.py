"""Buckets that are made when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.client import BaseClient

_WITHOUT_CONSTRAINT = "us-east-1"
"""The one region that CreateBucket does not accept as a location constraint (API reference)."""


def ensure_bucket(s3: BaseClient, bucket: str) -> None:
    """Create a bucket in the client's region, unless it exists.

    Args:
        s3: boto3 client for S3.
        bucket: Its name.
    """
    region = s3.meta.region_name
    place = {} if region == _WITHOUT_CONSTRAINT else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **place)
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        return
