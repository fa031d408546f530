"""Whether the API server serves the endpoint, asked of servers of every kind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks import endpoint_probe
from airflow_sm_pipelines.callbacks.endpoint_probe import unserved_endpoint, warn_if_unserved
from airflow_sm_pipelines.execution.airflow_internals.worker import api_server_url

UI = "<!doctype html><html><head><title>Airflow</title></head></html>"
LOGIN = "<html><head><title>Sign in</title></head></html>"


@pytest.fixture(autouse=True)
def _worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_probe, "is_dag_test", lambda: False)
    monkeypatch.setattr(endpoint_probe, "_LONGEST_SECONDS", 0.5)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Start a server that answers every GET alike, and make it the worker's API server; returns its address."""
    servers: list[HTTPServer] = []

    def start(status: int, media_type: str, body: str, delay: float = 0, **headers: str) -> str:
        silent = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                silent.wait(delay)
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"{address}/execution/")
        return address

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.loopback
def test_an_api_server_that_answers_with_its_ui_does_not_serve_the_endpoint(
    serve: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = f"{serve(200, 'text/html; charset=utf-8', UI)}/sm-pipelines/callback"
    assert unserved_endpoint() == endpoint
    warn_if_unserved(logging.getLogger("step"), deferrable=True)
    warn_if_unserved(logging.getLogger("step"), deferrable=False)
    first, second = caplog.messages
    assert endpoint in first
    assert "restart it" in first
    assert "handlers cannot answer; people can, in Airflow" in first
    assert "is not heard either" in second


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("status", "media_type", "body"),
    [
        (405, "application/json", '{"detail": "Method Not Allowed"}'),  # the endpoint
        (404, "application/json", '{"detail": "Not Found"}'),  # a server of the Execution API alone
        (200, "text/html", LOGIN),  # a proxy's login
        (200, "application/json", f'"{UI}"'),
        (500, "text/html", UI),
    ],
)
def test_any_other_answer_tells_nothing(serve: Callable[..., str], status: int, media_type: str, body: str) -> None:
    serve(status, media_type, body)
    assert unserved_endpoint() is None


@pytest.mark.loopback
def test_a_redirect_is_not_followed(serve: Callable[..., str]) -> None:
    target = serve(200, "text/html", UI)
    serve(302, "text/html", "", Location=target)
    assert unserved_endpoint() is None


@pytest.mark.loopback
def test_a_server_that_does_not_answer_in_time_tells_nothing(serve: Callable[..., str]) -> None:
    serve(200, "text/html", UI, delay=1)
    assert unserved_endpoint() is None


@pytest.mark.loopback
def test_a_server_that_is_away_tells_nothing(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:9/execution/")
    assert unserved_endpoint() is None


def test_dag_test_has_no_api_server_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_probe, "is_dag_test", lambda: True)
    assert unserved_endpoint() is None


@pytest.mark.parametrize(
    ("execution", "base", "expected"),
    [
        ("https://airflow.example.com/execution/", "", "https://airflow.example.com"),
        ("https://airflow.example.com/team/execution", "https://other", "https://airflow.example.com/team"),
        ("", "https://airflow.example.com/team/", "https://airflow.example.com/team"),
        ("", "/team", "http://localhost:8080/team"),
        ("", "", "http://localhost:8080"),
    ],
)
def test_the_address_of_the_api_server_is_that_of_airflows_executors(
    monkeypatch: pytest.MonkeyPatch, execution: str, base: str, expected: str
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", execution)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert api_server_url() == expected
