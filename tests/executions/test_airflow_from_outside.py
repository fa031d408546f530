"""Airflow's REST API over the network: what a command says if there is no answer."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpx
import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions import airflow_from_outside
from airflow_sm_pipelines.executions.airflow_client import OWN_REFUSAL
from airflow_sm_pipelines.executions.airflow_from_outside import Login, NoAnswerError, with_airflow

TOKEN = Login("token")


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask an Airflow that a function plays."""

    def make(play: Any, login: Login | None = None) -> Any:
        made = httpx.AsyncClient
        monkeypatch.setattr(
            airflow_from_outside.httpx,
            "AsyncClient",
            lambda **named: made(transport=httpx.MockTransport(play), **named),
        )
        try:
            who = TOKEN if login is None else login
            return asyncio.run(with_airflow("https://airflow:1/", who, lambda airflow: airflow.get("dags", "a/b")))
        finally:
            monkeypatch.setattr(airflow_from_outside.httpx, "AsyncClient", made)

    return make


def test_a_token_asks_below_the_address(ask: Any) -> None:
    def play(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[str(request.url), request.headers["authorization"]])

    assert ask(play) == ["https://airflow:1/api/v2/dags/a%2Fb", "Bearer token"]


def test_user_and_password_get_a_token(ask: Any) -> None:
    def play(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            assert request.content == b'{"username":"ann","password":"secret"}'
            return httpx.Response(201, json={"access_token": "fresh"})
        return httpx.Response(200, json=request.headers["authorization"])

    assert ask(play, Login(user="ann", password="secret")) == "Bearer fresh"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Airflow does not know you; pass a valid token, or user and password (401): why"),
        (403, "you may not do this in Airflow; ask for the permission (403): why"),
        (404, "Airflow has no such DAG or run, or you may not see it (404): why"),
        (422, "Airflow refused the request: why"),
        (500, "Airflow refused the request: Airflow answered 500: why"),
    ],
)
def test_a_refusal_says_what_to_do(ask: Any, status: int, words: str) -> None:
    with pytest.raises(NoAnswerError) as caught:
        ask(lambda _: httpx.Response(status, json={"detail": "why"}))

    assert str(caught.value) == words


def test_an_airflow_in_which_everybody_is_an_admin_needs_no_login(ask: Any) -> None:
    def play(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "anybody's"})
        return httpx.Response(200, json=request.headers["authorization"])

    assert ask(play, Login()) == "Bearer anybody's"


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_without_a_login_every_other_airflow_asks_for_one(ask: Any, status: int) -> None:
    with pytest.raises(NoAnswerError, match="requires a login; set AIRFLOW_API_TOKEN, or AIRFLOW_API_USER"):
        ask(lambda _: httpx.Response(status, json={"detail": "why"}), Login())


def test_without_a_login_too_a_fault_of_airflow_is_told(ask: Any) -> None:
    with pytest.raises(NoAnswerError, match="Airflow answered 500"):
        ask(lambda _: httpx.Response(500, json={"detail": "why"}), Login())


def test_a_wrong_password_is_a_refusal(ask: Any) -> None:
    with pytest.raises(NoAnswerError, match="Airflow does not know you"):
        ask(lambda _: httpx.Response(401, json={"detail": "Invalid credentials"}), Login(user="ann"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("Connection refused"), "cannot be reached (Connection refused); is --airflow-url right"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), "its TLS certificate is not trusted"),
        (httpx.ReadTimeout(""), "did not answer within 60 s"),
    ],
)
def test_a_connection_that_fails_says_what_to_look_at(ask: Any, error: Exception, words: str) -> None:
    def play(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(NoAnswerError) as caught:
        ask(play)
    assert str(caught.value).startswith("Airflow at https://airflow:1/: ")
    assert words in str(caught.value)


def test_another_server_is_told_from_airflow(ask: Any) -> None:
    with pytest.raises(NoAnswerError, match=r"not that of Airflow's REST API; is --airflow-url right\?"):
        ask(lambda _: httpx.Response(200, text="<html>"))


def test_certificates_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice about SSL_CERT_FILE holds."""
    asked: list[Any] = []
    made = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *a, **n: asked.append(n) or made())
    monkeypatch.setenv("SSL_CERT_FILE", "/company/ca.pem")

    httpx.AsyncClient()

    assert {"cafile": "/company/ca.pem"} in asked


def test_what_we_refuse_ourselves_is_told_as_it_is() -> None:
    with pytest.raises(NoAnswerError) as caught:
        asyncio.run(with_airflow("https://airflow:1/", TOKEN, refuse))
    assert str(caught.value) == "the run has no step Trian"


async def refuse(_: Any) -> None:
    raise RefusedRequestError(OWN_REFUSAL, "the run has no step Trian")
