"""A client for an SQS queue, in the region that the queue's URL names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_sm_pipelines.execution.connection import AwsConnection

if TYPE_CHECKING:
    from botocore.client import BaseClient

_AWS_HOST = re.compile(r"^https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?/")


def queue_client(connection: AwsConnection, queue_url: str) -> BaseClient:
    """Return a boto3 client for SQS in the region of a queue.

    Raises:
        AwsCallError: The client cannot be made.
    """
    region = region_of(queue_url)
    at_queue = connection if region in (None, connection.region_name) else replace(connection, region_name=region)
    return at_queue.client("sqs")


def region_of(queue_url: str) -> str | None:
    """Return the region that a queue's URL names, ``None`` if it is not one of AWS's own addresses."""
    found = _AWS_HOST.match(queue_url)
    return (found[1] or found[2]) if found else None
