"""Builders of calls, driven against a client of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls


def client_of(service: str) -> Iterator[Any]:
    import boto3
    from botocore.stub import Stubber

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client: Any = boto3.client(service, region_name="eu-west-1", **keys)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def api() -> Iterator[Any]:
    """A SageMaker client whose answers are given in advance."""
    yield from client_of("sagemaker")


@pytest.fixture
def s3_api() -> Iterator[Any]:
    """An S3 client whose answers are given in advance."""
    yield from client_of("s3")


@pytest.fixture
def calls_of() -> Callable[[Calls[Any]], tuple[list[AwsCall], Any]]:
    """Return the calls of a builder that needs no answers, and what it returns."""

    def run(calls: Calls[Any]) -> tuple[list[AwsCall], Any]:
        made = []
        try:
            while True:
                made.append(next(calls) if not made else calls.send({}))
        except StopIteration as done:
            return made, done.value

    return run
