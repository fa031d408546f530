"""A model server behind an address that a stand-in for Docker's command line tells."""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_sm_pipelines.local.runtimes import image_server as module
from airflow_sm_pipelines.local.runtimes.image_server import ImageServer
from airflow_sm_pipelines.local.runtimes.serving_process import InvocationError


class Model(BaseHTTPRequestHandler):
    pings: ClassVar[list[int]] = []
    seen: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        self._answer(self.pings.pop(0) if self.pings else 200, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append({"path": self.path, "type": self.headers["Content-Type"], "accept": self.headers["Accept"]})
        if body == b"slow":
            time.sleep(1)
        self._answer(int(body) if body.isdigit() else 200, b"answer to " + body)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/x")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(Model, "pings", [])
    monkeypatch.setattr(Model, "seen", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def python(code: str) -> list[str]:
    return [sys.executable, "-ISc", code]


def commands(tmp_path: Path, port: int, start: str = "") -> dict[str, Any]:
    """A container that runs until it is stopped; its address is known a moment after the start."""
    until_stopped = f"import pathlib, time\nwhile not pathlib.Path('{tmp_path}/stopped').exists(): time.sleep(0.05)"
    tried = f"import pathlib\np = pathlib.Path('{tmp_path}/tried')\nif p.exists(): print('127.0.0.1:{port}')\np.touch()"
    return {
        "start": python(start or until_stopped),
        "address": python(tried),
        "stop": python(f"open('{tmp_path}/stopped', 'w')"),
        "environment": {},
    }


@pytest.fixture
def server(tmp_path, port):
    server = ImageServer(commands(tmp_path, port), 0.5)
    yield server
    server.close()
    assert (tmp_path / "stopped").exists()


def test_a_request_has_its_content_type_and_what_it_accepts(server):
    assert server.invoke(b"x", "text/csv", "application/json") == (b"answer to x", "text/x")
    assert server.invoke(b"y", "text/csv", "") == (b"answer to y", "text/x")
    assert Model.seen == [
        {"path": "/invocations", "type": "text/csv", "accept": "application/json"},
        {"path": "/invocations", "type": "text/csv", "accept": None},
    ]


def test_requests_wait_until_ping_is_answered_with_200(tmp_path, port):
    Model.pings += [503, 404]
    server = ImageServer(commands(tmp_path, port), 5)
    assert Model.pings == []
    server.close()


def test_an_answer_other_than_200_is_an_error_with_its_status(server):
    with pytest.raises(InvocationError, match="Bad HTTP status received from algorithm: 418: answer to 418") as error:
        server.invoke(b"418", "text/csv", "")
    assert error.value.status == 418


def test_no_answer_within_the_time_limit_is_an_error(server):
    with pytest.raises(InvocationError, match=r"504: no answer within 0.5 s"):
        server.invoke(b"slow", "text/csv", "")


def test_a_container_that_ends_before_it_is_ready_is_told(tmp_path, port):
    with pytest.raises(InvocationError, match="500: the container has ended with exit code 9"):
        ImageServer(commands(tmp_path, port, "raise SystemExit(9)"), 5)


def test_a_container_that_never_becomes_ready_is_stopped(tmp_path, port, monkeypatch):
    monkeypatch.setattr(module, "_READY_SECONDS", 0.5)
    Model.pings += [503] * 100
    with pytest.raises(InvocationError, match="does not answer GET /ping with 200 within"):
        ImageServer(commands(tmp_path, port), 5)
    assert (tmp_path / "stopped").exists()


def test_a_server_that_is_gone_is_an_error(tmp_path, port, server, monkeypatch):
    monkeypatch.setattr(server, "_port", 9)
    with pytest.raises(InvocationError, match="500: the container does not answer"):
        server.invoke(b"x", "text/csv", "")
