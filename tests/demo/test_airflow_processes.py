"""Starting and stopping, with a program that only pretends to be Airflow."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from airflow_sm_pipelines.demo import airflow_processes
from airflow_sm_pipelines.demo.airflow_processes import COMPONENTS, AirflowProcesses, AirflowStartError

pytestmark = pytest.mark.loopback

PRETENDER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

component = sys.argv[1]
plan = json.loads(os.environ["PLAN"])
print(f"{component} begins in {os.getcwd()}", flush=True)
if component in plan["fail"]:
    sys.exit(f"{component} cannot go on")

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = {n: {"status": plan["health"].get(n, "healthy")} for n in ("scheduler", "dag_processor", "triggerer")}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

if component == "api-server":
    HTTPServer(("127.0.0.1", int(os.environ["AIRFLOW__API__PORT"])), Health).serve_forever()
elif component != "db":
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "pretender.py"
    script.write_text(PRETENDER)
    monkeypatch.setattr(airflow_processes, "_AIRFLOW", (sys.executable, str(script)))
    return tmp_path / "home"


def airflow(home: Path, *, fail: tuple[str, ...] = (), health: dict[str, str] | None = None) -> AirflowProcesses:
    plan = json.dumps({"fail": fail, "health": health or {}})
    return AirflowProcesses(home, home, environment={"PLAN": plan}, stop_seconds=2)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pids(processes: AirflowProcesses) -> list[int]:
    return [process.pid for process in processes._processes.values()]


def test_all_components_run_in_the_home_folder_until_the_end(home: Path) -> None:
    with airflow(home) as processes:
        started = pids(processes)
        assert len(started) == len(COMPONENTS)
        assert processes.ended_component() is None
        assert f"scheduler begins in {home}" in processes.last_log_lines("scheduler")
    assert not any(is_alive(pid) for pid in started)


def test_a_failing_migration_is_named_with_the_end_of_its_log(home: Path) -> None:
    with pytest.raises(AirflowStartError, match=r"its db-migrate ended with exit code 1") as raised:
        airflow(home, fail=("db",)).start(timeout=20)
    assert "    db cannot go on" in str(raised.value)


def test_a_component_that_ends_is_named_with_the_end_of_its_log_and_the_others_are_stopped(home: Path) -> None:
    processes = airflow(home, fail=("triggerer",), health={"triggerer": "unhealthy"})
    with pytest.raises(AirflowStartError, match=r"its triggerer ended with exit code 1") as raised, processes:
        pass
    assert "    triggerer cannot go on" in str(raised.value)
    assert processes._processes == {}


def test_a_component_that_does_not_become_healthy_is_named(home: Path) -> None:
    processes = airflow(home, health={"dag_processor": "unhealthy"})
    try:
        with pytest.raises(AirflowStartError, match=r"its dag-processor did not become healthy in time"):
            processes.start(timeout=5)
    finally:
        processes.stop()


def test_a_component_that_ends_later_is_noticed(home: Path) -> None:
    with airflow(home) as processes:
        processes._processes["scheduler"].send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while processes.ended_component() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert processes.ended_component() == "scheduler"


def test_settings_for_another_airflow_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "NoSuchExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere/else")
    environment = airflow(home)._environment
    assert "AIRFLOW__CORE__EXECUTOR" not in environment
    assert environment["AIRFLOW_HOME"] == str(home)
