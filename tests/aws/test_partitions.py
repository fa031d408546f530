"""The partitions of AWS, against botocore's own list of regions."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.aws.partitions import partition_of


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"])
def test_the_region_tells_the_partition(partition: str) -> None:
    import boto3

    for region in boto3.Session().get_available_regions("s3", partition):
        assert partition_of(region) == partition
