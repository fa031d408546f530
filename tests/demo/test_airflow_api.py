from __future__ import annotations

import io
import json
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from airflow_sm_pipelines.demo import airflow_api as module
from airflow_sm_pipelines.demo.airflow_api import AirflowApi, AirflowApiError

LOCKED = (500, {"detail": {"reason": "Database error", "orig_error": "database is locked"}})
LOCKED_FOR_A_BACKFILL = (503, {"detail": "Database is locked. Backfill creation is not supported on SQLite"})
ABSENT = (404, {"detail": "no such run"})
TOKEN = (201, {"access_token": "token"})


class ScriptedServer:
    """Stands in for the API server: gives the scripted answers, one after the other."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = [TOKEN, *answers]
        self.asked: list[str] = []

    def open(self, request: Request, timeout: float) -> io.BytesIO:
        self.asked.append(f"{request.method} {request.selector}")
        status, body = self.answers.pop(0)
        content = io.BytesIO(json.dumps(body).encode())
        if status >= 400:
            raise HTTPError(request.full_url, status, "", Message(), content)
        return content


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client has waited, each pause an entry."""
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: sum(pauses))
    return pauses


def request_to(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "_opener", server)
    return AirflowApi("http://127.0.0.1:1", "user", "word").request("POST", "variables", {"key": "a"})


def test_a_request_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert request_to(ScriptedServer((201, {"key": "a"})), monkeypatch) == {"key": "a"}


@pytest.mark.parametrize("locked", [LOCKED, LOCKED_FOR_A_BACKFILL])
def test_a_request_that_found_the_database_locked_is_sent_again(
    locked: tuple[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ScriptedServer(locked, locked, (201, {"key": "a"}))
    assert request_to(server, monkeypatch) == {"key": "a"}
    assert server.asked == ["POST /auth/token", *["POST /api/v2/variables"] * 3]


def test_a_database_that_stays_locked_is_an_error(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    with pytest.raises(AirflowApiError, match="database is locked"):
        request_to(ScriptedServer(*[LOCKED] * 400), monkeypatch)
    assert 180 <= sum(clock) <= 181


def test_any_other_error_is_raised_at_once(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    with pytest.raises(AirflowApiError, match="no such run"):
        request_to(ScriptedServer(ABSENT), monkeypatch)
    assert clock == []
