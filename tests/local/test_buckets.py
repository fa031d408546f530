from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from airflow_sm_pipelines.local.buckets import ensure_bucket


@mock_aws
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_a_bucket_is_made_once_in_every_region(region: str) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    s3 = boto3.client("s3", region_name=region, **keys)
    for _ in range(2):
        ensure_bucket(s3, "some-bucket")
    s3.put_object(Bucket="some-bucket", Key="kept", Body=b"1")
    ensure_bucket(s3, "some-bucket")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="some-bucket")["Contents"]] == ["kept"]
