"""Asking Airflow's API in the same process, against a stand-in of its web application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions.airflow_client import AirflowClient


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.api_route("/api/v2/echo/{path:path}", methods=["GET", "POST", "PATCH"])
    async def echo(request: Request, path: str) -> Any:
        body = await request.body()
        return {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": dict(request.query_params),
            "body": body.decode(),
            "authorization": request.headers["authorization"],
            "cookies": dict(request.cookies),
            "host": request.client.host if request.client else "",
        }

    @app.get("/api/v2/pages")
    async def pages(offset: int, limit: int) -> Any:
        return {"numbers": [*range(250)][offset : offset + limit], "total_entries": 250}

    @app.get("/api/v2/refuse/{status}")
    async def refuse(status: int, detail: str = "no") -> Any:
        raise HTTPException(status, detail)

    @app.get("/api/v2/typed")
    async def typed(number: int) -> int:
        return number

    @app.get("/api/v2/broken")
    async def broken() -> Any:
        raise ValueError("a secret")

    return app


def ask(app: FastAPI, name: str, *arguments: str, **named: Any) -> Any:
    client = AirflowClient(app, "Bearer token", ("192.0.2.1", 1))
    return asyncio.run(getattr(client, name)(*arguments, **named))


def test_a_request_goes_to_airflows_api_in_the_callers_name(app: FastAPI) -> None:
    answer = ask(app, "post", "echo", "a/b ~", body={"x": 1})
    assert (answer["method"], answer["path"]) == ("POST", "/api/v2/echo/a%2Fb%20~")
    assert answer["body"] == '{"x":1}'
    assert (answer["authorization"], answer["cookies"]) == ("Bearer token", {})
    assert answer["host"] == "192.0.2.1"
    assert ask(app, "patch", "echo", "a", body={})["method"] == "PATCH"
    assert ask(app, "get", "echo", "a", limit=1, text="a&b")["query"] == {"limit": "1", "text": "a&b"}


def test_a_list_is_asked_for_page_by_page(app: FastAPI) -> None:
    assert ask(app, "all", "numbers", "pages") == [*range(250)]


@pytest.mark.parametrize(
    ("status", "detail", "code", "answered"),
    [
        ("400", "no", "ValidationException", 400),
        ("401", "Not authenticated", "UnrecognizedClientException", 403),
        ("401", "Token Expired", "ExpiredTokenException", 403),
        ("403", "Invalid JWT token", "UnrecognizedClientException", 403),
        ("403", "Forbidden", "AccessDeniedException", 400),
        ("404", "no", "ResourceNotFound", 400),
        ("409", "no", "ConflictException", 400),
        ("500", "no", "InternalFailure", 500),
    ],
)
def test_a_refusal_has_the_code_of_aws(app: FastAPI, status: str, detail: str, code: str, answered: int) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        ask(app, "get", "refuse", status, detail=detail)
    assert (caught.value.code, caught.value.status) == (code, answered)
    assert detail in caught.value.message


def test_of_a_long_reason_the_first_line_is_told(app: FastAPI) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        ask(app, "get", "refuse", "400", detail="Invalid input for param N: 'x'\n\nFailed validating")
    assert caught.value.message == "Invalid input for param N: 'x'"


def test_a_wrong_argument_is_named(app: FastAPI) -> None:
    with pytest.raises(RefusedRequestError, match=r"query\.number: Input should be") as caught:
        ask(app, "get", "typed", number="x")
    assert caught.value.code == "ValidationException"


def test_what_is_not_there_is_none(app: FastAPI) -> None:
    assert ask(app, "find", "refuse", "404") is None
    with pytest.raises(RefusedRequestError):
        ask(app, "find", "refuse", "403")


def test_a_fault_of_airflow_is_an_internal_failure(app: FastAPI) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        ask(app, "get", "broken")
    assert (caught.value.code, caught.value.status) == ("InternalFailure", 500)
    assert "secret" not in caught.value.message
