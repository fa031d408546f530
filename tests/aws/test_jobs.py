"""The protocols by name, references and log lines; what protocols do is in `tests/aws/protocols/`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, RESOURCE_KINDS
from airflow_sm_pipelines.errors import AwsCallError

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"


def refuses(answers: Stubber, method: str, code: str, message: str = "", status: int = 400) -> None:
    answers.add_client_error(method, code, message, status)


def test_every_row_names_a_protocol_and_every_protocol_is_named() -> None:
    assert {kind.protocol for kind in RESOURCE_KINDS.values()} == set(jobs.PROTOCOLS)


# -- log lines ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logs_client() -> Any:
    import boto3

    return boto3.client("logs", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def log_answers(logs_client: Any) -> Iterator[Stubber]:
    with Stubber(logs_client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def has_streams(log_answers: Stubber, *streams: str) -> None:
    log_answers.add_response(
        "describe_log_streams",
        {"logStreams": [{"logStreamName": stream} for stream in streams]},
        {"logGroupName": "/aws/sagemaker/ProcessingJobs", "logStreamNamePrefix": f"{NAME}/", "limit": 50},
    )


def has_events(log_answers: Stubber, stream: str, *events: tuple[int, str]) -> None:
    log_answers.add_response(
        "get_log_events",
        {"events": [{"timestamp": time, "message": message} for time, message in events]},
        {
            "logGroupName": "/aws/sagemaker/ProcessingJobs",
            "logStreamName": stream,
            "limit": ANY,
            "startFromHead": False,
        },
    )


def test_the_last_log_lines_of_all_instances_come_in_order_of_time(logs_client: Any, log_answers: Stubber) -> None:
    has_streams(log_answers, f"{NAME}/algo-1", f"{NAME}/algo-2")
    has_events(log_answers, f"{NAME}/algo-1", (1, "one\n"), (3, "three"), (5, "five"))
    has_events(log_answers, f"{NAME}/algo-2", (2, "two"), (4, "four\n"))

    assert jobs.last_log_lines(logs_client, PROCESSING_JOB, NAME, limit=4) == ["two", "three", "four", "five"]


def test_lines_of_the_same_millisecond_keep_their_order(logs_client: Any, log_answers: Stubber) -> None:
    has_streams(log_answers, f"{NAME}/algo-1")
    has_events(log_answers, f"{NAME}/algo-1", (1, "Traceback"), (1, "  File"), (1, "Error"))

    assert jobs.last_log_lines(logs_client, PROCESSING_JOB, NAME) == ["Traceback", "  File", "Error"]


def test_a_job_that_never_logged_has_no_lines(logs_client: Any, log_answers: Stubber) -> None:
    refuses(log_answers, "describe_log_streams", "ResourceNotFoundException", "The specified log group does not exist.")

    assert jobs.last_log_lines(logs_client, PROCESSING_JOB, NAME) == []


def test_refused_log_calls_are_reported(logs_client: Any, log_answers: Stubber) -> None:
    refuses(log_answers, "describe_log_streams", "AccessDeniedException", "no")

    with pytest.raises(AwsCallError, match="DescribeLogStreams"):
        jobs.last_log_lines(logs_client, PROCESSING_JOB, NAME)


def test_a_kind_without_a_log_is_not_asked_for_one() -> None:
    silent = dataclasses.replace(PROCESSING_JOB, log_group="")

    assert jobs.last_log_lines(None, silent, NAME) == []
