"""A step's resource in the AWS console."""

from __future__ import annotations

import dataclasses
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.aws.kinds import ENDPOINT, PROCESSING_JOB
from airflow_sm_pipelines.execution.job_reference import JobReference

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"


def reference(region: str, **client_arguments: Any) -> JobReference:
    """What a real client of a region tells."""
    client = boto3.client(
        "sagemaker", region_name=region, aws_access_key_id="x", aws_secret_access_key="x", **client_arguments
    )
    return JobReference.of(client, PROCESSING_JOB, NAME)


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_own_console(region: str, console: str) -> None:
    job = reference(region)

    assert job.console_url() == f"{console}/sagemaker/home?region={region}#/processing-jobs/{NAME}"
    assert job.logs_url() == (
        f"{console}/cloudwatch/home?region={region}#logStream:group=%2Faws%2Fsagemaker%2FProcessingJobs;"
        f"prefix={NAME};streamFilter=typeLogStreamPrefix"
    )


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "https://amazonaws.example.org"])
def test_there_is_no_console_behind_a_custom_endpoint(endpoint: str) -> None:
    job = reference("eu-west-1", endpoint_url=endpoint)

    assert (job.console_url(), job.logs_url()) == ("", "")


def test_a_private_endpoint_of_aws_has_a_console() -> None:
    endpoint = "https://vpce-0123-abcd.api.sagemaker.eu-west-1.vpce.amazonaws.com"

    assert reference("eu-west-1", endpoint_url=endpoint).console_url().startswith("https://eu-west-1.console.aws.")


def test_a_partition_without_a_public_console_has_no_links() -> None:
    job = JobReference(PROCESSING_JOB, NAME, "us-iso-east-1", "aws-iso")

    assert (job.console_url(), job.logs_url()) == ("", "")


def test_a_kind_without_a_log_has_no_log_link() -> None:
    silent = dataclasses.replace(PROCESSING_JOB, log_group="")
    job = JobReference(silent, NAME, "eu-west-1", "aws")

    assert job.logs_url() == ""
    assert job.console_url()


def test_names_are_quoted() -> None:
    job = JobReference(PROCESSING_JOB, "a b;c", "eu-west-1", "aws")

    assert job.console_url().endswith("#/processing-jobs/a%20b%3Bc")
    assert "prefix=a%20b%3Bc;" in job.logs_url()


def test_the_page_of_an_endpoint_is_that_of_the_first_part_of_its_reference() -> None:
    job = JobReference(ENDPOINT, "shop/config", "eu-west-1", "aws")

    assert job.console_url().endswith("#/endpoints/shop")
