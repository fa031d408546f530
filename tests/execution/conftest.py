"""What the tests of a running step share."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest


class FakeConnection:
    """Hands out the clients that a test has put in, and counts the requests for each."""

    def __init__(self, **clients: Any) -> None:
        self.clients = clients
        self.asked: list[str] = []

    def client(self, service: str) -> Any:
        self.asked.append(service)
        return self.clients[service]

    def as_arguments(self) -> dict[str, Any]:
        return {"aws_conn_id": "aws_default", "region_name": "eu-west-1", "verify": None, "botocore_config": None}


class FakeS3:
    """GetObject over a dict from URI to JSON document, text, or the error that boto3 raises."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.reads: list[str] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        uri = f"s3://{Bucket}/{Key}"
        self.reads.append(uri)
        found = self.documents[uri]
        if isinstance(found, Exception):
            raise found
        text = found if isinstance(found, str) else json.dumps(found)
        return {"Body": io.BytesIO(text.encode())}


@pytest.fixture
def connection(sagemaker: Any) -> FakeConnection:
    return FakeConnection(sagemaker=sagemaker)


@pytest.fixture
def s3(connection: FakeConnection) -> FakeS3:
    connection.clients["s3"] = FakeS3({})
    return connection.clients["s3"]
