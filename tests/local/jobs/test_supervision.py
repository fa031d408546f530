from __future__ import annotations

import os
import threading
import time

import pytest

from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.supervision import StopRequest, Supervisor


@pytest.fixture
def stop():
    stop = StopRequest()
    yield stop
    stop.close()


class Watched:
    """Runs a shell command under a supervisor and keeps what the supervisor did."""

    def __init__(self, tmp_path, stop):
        self.directory = tmp_path
        self.stop = stop
        self.output = b""
        self.did = []

    def run(self, code, *, max_runtime=None, upload_seconds=None):
        supervisor = Supervisor(
            write=self.write,
            flush=lambda: self.did.append("flush"),
            upload=lambda: self.did.append("upload"),
            upload_seconds=upload_seconds,
            max_runtime_seconds=max_runtime,
            grace_seconds=0.3,
            stopping=lambda: self.did.append("stopping"),
        )
        environment = {"PATH": os.environ["PATH"]}
        with JobProcess(["sh", "-c", code], environment, self.directory, {}) as process:
            began = time.monotonic()
            exit_code = supervisor.watch(process, self.stop)
            self.seconds = time.monotonic() - began
        return exit_code

    def write(self, data):
        self.output += data


@pytest.fixture
def watched(tmp_path, stop):
    return Watched(tmp_path, stop)


def test_it_returns_the_exit_code_and_all_output(watched):
    assert watched.run("seq 20000; exit 3") == 3
    assert watched.output == "".join(f"{number}\n" for number in range(1, 20_001)).encode()
    assert not watched.stop.is_set


def test_flush_and_upload_are_called_while_the_job_runs(watched):
    watched.run("sleep 0.8", upload_seconds=0.2)
    assert watched.did.count("flush") == 1
    assert 2 <= watched.did.count("upload") <= watched.seconds / 0.2


def test_the_time_limit_stops_the_job(watched):
    watched.run("sleep 60", max_runtime=0.2)
    assert watched.did == ["stopping"]
    assert watched.stop.is_set
    assert watched.seconds < 3


def test_after_the_grace_period_the_job_is_killed(watched):
    assert watched.run("trap '' TERM; sleep 60; sleep 60", max_runtime=0.2) == 137
    assert 0.45 < watched.seconds < 5


def test_a_request_to_stop_gives_the_asked_grace_period(watched):
    timer = threading.Timer(0.3, watched.stop.set, [0.2])
    timer.start()
    code = watched.run("trap 'echo caught' TERM; sleep 60 & wait; sleep 60")
    timer.join()
    assert (code, watched.output) == (137, b"caught\n")
    assert "stopping" not in watched.did


def test_a_request_from_before_the_start_stops_the_job(watched):
    watched.stop.set(0.1)
    watched.run("sleep 60")
    assert watched.seconds < 3


def test_waiting_for_a_request_ends_with_it(stop):
    assert not stop.wait(0.01)
    stop.set(1)
    assert stop.wait(60)
