"""A step's resource in the AWS console."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.session
import pytest

from airflow_sm_pipelines.aws.console import AWS_DOMAINS, CONSOLES, AwsPlace
from airflow_sm_pipelines.aws.kinds import ENDPOINT, PROCESSING_JOB

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"
AWS = AwsPlace("eu-west-1", "aws")


def place(region: str, **client_arguments: Any) -> AwsPlace:
    """What a real client of a region tells."""
    return AwsPlace.of(
        boto3.client(
            "sagemaker", region_name=region, aws_access_key_id="x", aws_secret_access_key="x", **client_arguments
        )
    )


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
        ("eusc-de-east-1", "https://eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_each_partition_has_its_own_console(region: str, console: str) -> None:
    where = place(region)

    assert where.page_url(PROCESSING_JOB, NAME) == f"{console}/sagemaker/home?region={region}#/processing-jobs/{NAME}"
    assert where.logs_url(PROCESSING_JOB, NAME) == (
        f"{console}/cloudwatch/home?region={region}#logStream:group=%2Faws%2Fsagemaker%2FProcessingJobs;"
        f"prefix={NAME};streamFilter=typeLogStreamPrefix"
    )
    assert where.objects_url(["s3://b/out/"]) == f"{console}/s3/buckets/b?region={region}&prefix=out%2F"


@pytest.mark.newest
def test_every_partition_that_botocore_knows_has_a_console_or_is_isolated() -> None:
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    isolated = {one["id"] for one in partitions if one["id"].startswith("aws-iso")}

    assert {one["id"] for one in partitions} - isolated == CONSOLES.keys()


@pytest.mark.newest
def test_the_domains_of_aws_are_those_that_botocore_knows_of_partitions_with_a_console() -> None:
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    known = {
        f".{one['outputs'][suffix]}"
        for one in partitions
        for suffix in ("dnsSuffix", "dualStackDnsSuffix")
        if one["id"] in CONSOLES
    }

    assert known == set(AWS_DOMAINS)


@pytest.mark.newest
def test_every_region_that_botocore_knows_has_a_console_unless_it_is_isolated() -> None:
    for one in botocore.session.get_session().get_data("partitions")["partitions"]:
        for region in one["regions"]:
            if not region.endswith("-global"):
                assert place(region).partition in (one["id"], ""), region
                assert bool(place(region).page_url(PROCESSING_JOB, NAME)) is (one["id"] in CONSOLES), region


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:4566", "https://amazonaws.example.org", "https://sagemaker.amazonaws.com.example.org"],
)
def test_there_is_no_console_behind_a_custom_endpoint(endpoint: str) -> None:
    where = place("eu-west-1", endpoint_url=endpoint)

    assert where == AwsPlace("eu-west-1", "")
    assert (where.page_url(PROCESSING_JOB, NAME), where.logs_url(PROCESSING_JOB, NAME)) == ("", "")
    assert where.objects_url(["s3://b/out"]) == ""


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://vpce-0123-abcd.api.sagemaker.eu-west-1.vpce.amazonaws.com",
        "https://api.sagemaker.eu-west-1.api.aws",
        "https://api-fips.sagemaker.us-east-1.amazonaws.com",
    ],
)
def test_a_private_a_dual_stack_and_a_fips_endpoint_of_aws_have_a_console(endpoint: str) -> None:
    assert place("eu-west-1", endpoint_url=endpoint).partition == "aws"


def test_a_partition_without_a_public_console_has_no_links() -> None:
    where = AwsPlace("us-iso-east-1", "aws-iso")

    assert (where.page_url(PROCESSING_JOB, NAME), where.logs_url(PROCESSING_JOB, NAME)) == ("", "")


def test_a_kind_without_a_log_has_no_log_link() -> None:
    silent = dataclasses.replace(PROCESSING_JOB, log_group="")

    assert AWS.logs_url(silent, NAME) == ""
    assert AWS.page_url(silent, NAME)


def test_names_are_quoted() -> None:
    assert AWS.page_url(PROCESSING_JOB, "a b;c").endswith("#/processing-jobs/a%20b%3Bc")
    assert "prefix=a%20b%3Bc;" in AWS.logs_url(PROCESSING_JOB, "a b;c")
    assert AWS.objects_url(["s3://b/a b&c/"]).endswith("prefix=a%20b%26c%2F")


def test_the_pages_of_an_endpoint_are_those_of_the_first_part_of_its_reference() -> None:
    assert AWS.page_url(ENDPOINT, "shop/config").endswith("#/endpoints/shop")
    assert AWS.logs_url(ENDPOINT, "shop/config").endswith("#logStream:group=%2Faws%2Fsagemaker%2FEndpoints%2Fshop")


@pytest.mark.parametrize(
    ("uris", "bucket", "prefix"),
    [
        (["s3://b/job/output/model.tar.gz"], "b", "job/output/"),
        (["s3://b/job/output"], "b", "job/output/"),
        (["s3://b/job/train", "s3://b/job/test/"], "b", "job/"),
        (["s3://b/train", "s3://b/test"], "b", ""),
        (["s3://b/job/", "s3://b/job/deep/"], "b", "job/"),
        (["s3://b/one", "s3://c/two"], "b", "one/"),
        (["s3://b"], "b", ""),
        (["file:///tmp/x", "s3://b/one/"], "b", "one/"),
    ],
)
def test_the_link_to_outputs_leads_to_the_folder_that_holds_them_all(uris: list[str], bucket: str, prefix: str) -> None:
    found = urlsplit(AWS.objects_url(uris))

    assert found.path == f"/s3/buckets/{bucket}"
    assert parse_qs(found.query, keep_blank_values=True) == {"region": ["eu-west-1"], "prefix": [prefix]}


def test_a_job_without_outputs_in_s3_has_no_link_to_them() -> None:
    assert AWS.objects_url([]) == AWS.objects_url(["file:///tmp/x"]) == ""
