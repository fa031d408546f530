"""The endpoint over ASGI, mounted in a stand-in of Airflow's web application."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions import endpoint, operations
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.endpoint import MOST_BYTES, executions_app
from airflow_sm_pipelines.executions.forms import OfExecution
from airflow_sm_pipelines.executions.operations import Operation

TOKEN = "Bearer token"
TARGET = "SageMaker.DescribePipelineExecution"
RIGHT = {"PipelineExecutionArn": "arn"}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the operation was asked."""
    asked: list[Any] = []

    async def answer(airflow: AirflowClient, request: OfExecution) -> Any:
        asked.append((await airflow.get("own"), request.execution))
        return {"PipelineArn": "arn"}

    table = {**operations.OPERATIONS, "DescribePipelineExecution": Operation(OfExecution, answer)}
    monkeypatch.setattr(operations, "OPERATIONS", table)
    return asked


@pytest.fixture
def airflow() -> FastAPI:
    """Airflow's web application, in which the endpoint is mounted."""
    app = FastAPI()

    @app.get("/api/v2/own")
    async def own() -> str:
        return "Airflow's own API"

    app.mount("/sm-pipelines", executions_app())
    return app


def post(
    app: FastAPI,
    body: Any = RIGHT,
    path: str = "/sm-pipelines/api/",
    method: str = "POST",
    target: str = TARGET,
    authorization: str | None = TOKEN,
    cookie: str = "",
) -> tuple[int, Any]:
    """Send a request as a server would; returns status and JSON body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-amz-target": target, "cookie": cookie, **({"authorization": authorization} if authorization else {})}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if body is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
        "server": ("airflow", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(text) if text else None


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/sm-pipelines/api", TARGET),
        ("/sm-pipelines/api/", TARGET),
        ("/sm-pipelines/api/DescribePipelineExecution", ""),
    ],
)
def test_an_operation_asks_the_application_that_it_is_mounted_in(
    airflow: FastAPI, answered: list[Any], path: str, target: str
) -> None:
    assert post(airflow, path=path, target=target) == (200, {"PipelineArn": "arn"})
    assert answered == [("Airflow's own API", "arn")]


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "AWS4-HMAC-SHA256 Credential=x"])
def test_without_a_token_of_airflow_nothing_is_read(
    airflow: FastAPI, answered: list[Any], authorization: str | None
) -> None:
    status, body = post(airflow, b"x" * (MOST_BYTES + 1), authorization=authorization, cookie="_token=valid")
    assert (status, body["__type"]) == (403, "MissingAuthenticationTokenException")
    assert "access token of Airflow" in body["message"]
    assert answered == []


@pytest.mark.parametrize(
    ("body", "target", "code"),
    [
        (RIGHT, "SageMaker.DescribeTrainingJob", "UnknownOperationException"),
        (RIGHT, "", "UnknownOperationException"),
        (b"{", TARGET, "SerializationException"),
        (b"[]", TARGET, "SerializationException"),
        ({}, TARGET, "ValidationException"),
        (b"x" * (MOST_BYTES + 1), TARGET, "RequestEntityTooLargeException"),
    ],
)
def test_what_cannot_be_read_is_refused(
    airflow: FastAPI, answered: list[Any], body: Any, target: str, code: str
) -> None:
    status, answer = post(airflow, body, target=target)
    assert (status, answer["__type"]) == (400, code)
    assert answered == []


def test_a_refusal_has_its_code_and_its_status(airflow: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any) -> Any:
        raise RefusedRequestError("InternalFailure", "no", 500)

    table = {"DescribePipelineExecution": Operation(OfExecution, refuse)}
    monkeypatch.setattr(operations, "OPERATIONS", table)
    status, body = post(airflow)
    assert (status, body["__type"], body["message"]) == (500, "InternalFailure", "no")


def test_a_body_that_does_not_come_is_not_waited_for(
    airflow: FastAPI, answered: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_SECONDS", 0.05)
    assert post(airflow, None)[1]["__type"] == "RequestTimeoutException"
    assert answered == []


def test_nothing_else_is_served(airflow: FastAPI, answered: list[Any]) -> None:
    assert post(airflow, method="GET")[0] == 405
    for path in ("/sm-pipelines/", "/sm-pipelines/docs", "/sm-pipelines/openapi.json", "/sm-pipelines/api/a/b"):
        assert post(airflow, path=path)[0] == 404
    assert answered == []
