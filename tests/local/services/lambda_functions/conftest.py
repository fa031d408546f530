"""Functions of the local AWS."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/lambda"


def archive_of(files: dict[str, str], executable: tuple[str, ...] = ()) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o755 if name in executable else 0o644) << 16
            archive.writestr(member, text)
    return stream.getvalue()


@dataclass
class Answer:
    """What an invocation answered."""

    payload: Any
    error: str | None
    log: str
    version: str


@dataclass
class Functions:
    """A Lambda client and what the tests do with it."""

    client: Any

    def create(self, name: str, code: str, files: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        """Create a function whose module ``handler`` has this code."""
        created: dict[str, Any] = self.client.create_function(
            **{
                "FunctionName": name,
                "Role": ROLE,
                "Runtime": "python3.12",
                "Handler": "handler.handle",
                "Code": {"ZipFile": archive_of({"handler.py": code, **(files or {})})},
                **members,
            }
        )
        return created

    def invoke(self, name: str, event: Any = None, **members: Any) -> Answer:
        payload = {} if event is None else {"Payload": json.dumps(event)}
        answer = self.client.invoke(FunctionName=name, LogType="Tail", **payload, **members)
        return Answer(
            payload=json.loads(answer["Payload"].read()),
            error=answer.get("FunctionError"),
            log=base64.b64decode(answer["LogResult"]).decode(),
            version=answer["ExecutedVersion"],
        )

    def refusal(self, call: str, **request: Any) -> tuple[str, str, int]:
        with pytest.raises(self.client.exceptions.ClientError) as caught:
            getattr(self.client, call)(**request)
        answer = caught.value.response
        return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def functions(bench: Any) -> Functions:
    client = bench.client("lambda")
    for found in client.list_functions()["Functions"]:
        client.delete_function(FunctionName=found["FunctionName"])
    return Functions(client)


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    return archive_of
