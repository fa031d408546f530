"""Clients for queues."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.queue_client import queue_client, region_of


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.us-east-2.amazonaws.com/012345678901/Queue", "us-east-2"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/012345678901/Queue", "cn-north-1"),
        ("https://eu-west-1.queue.amazonaws.com/012345678901/Queue", "eu-west-1"),
        ("http://127.0.0.1:5000/012345678901/Queue", None),
        ("https://sqs.example.com/012345678901/Queue", None),
        ("https://evil.example/?sqs.us-east-2.amazonaws.com/", None),
    ],
)
def test_the_region_is_that_of_the_queues_address(url: str, region: str | None) -> None:
    assert region_of(url) == region


def test_the_client_is_that_of_the_queues_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: (self.region_name, service))
    url = "https://sqs.us-east-2.amazonaws.com/012345678901/Queue"
    client: Any = queue_client(AwsConnection(None, "eu-west-1"), url)

    assert client == ("us-east-2", "sqs")
    assert queue_client(AwsConnection(None, "eu-west-1"), "http://127.0.0.1:5000/q") == ("eu-west-1", "sqs")
