"""What a job writes to CloudWatch, for the log of its task."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.log_events import LEFT_OUT
from airflow_sm_pipelines.errors import CallNotMadeError
from airflow_sm_pipelines.execution.job_log import JobLog
from airflow_sm_pipelines.semantics import log_lines
from tests.conftest import FakeLogs


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs(**{"algo-1-17": ["one"]})


@pytest.fixture
def log(logs: Any) -> JobLog:
    return JobLog(lambda: logs, PROCESSING_JOB, "job")


def test_new_lines_are_returned_and_the_last_ones_kept(log: JobLog, logs: FakeLogs) -> None:
    assert log.new_lines() == ["one"]
    logs.lines["algo-1-17"] += [f"line {number}" for number in range(30)]
    log.new_lines()

    assert log.last_lines == [f"line {number}" for number in range(10, 30)]
    assert not log.is_over


def test_without_permission_it_says_so_once_and_never_asks_again(
    log: JobLog, logs: FakeLogs, client_error: Any
) -> None:
    logs.fault = client_error("AccessDeniedException", "not authorized to perform: logs:GetLogEvents")

    [line] = log.new_lines()

    assert line.startswith("Cannot show what job writes to CloudWatch: ")
    assert "logs:GetLogEvents" in line
    assert (log.new_lines(), log.is_over, len(logs.calls)) == ([], True, 1)


def test_throttling_passes_and_lines_are_shown_later(log: JobLog, logs: FakeLogs, client_error: Any) -> None:
    logs.fault = client_error("ThrottlingException", "slow down")
    assert [log.new_lines() for _ in range(log_lines.FAILURES - 1)] == [[]] * (log_lines.FAILURES - 1)
    logs.fault = None
    assert log.new_lines() == ["one"]
    logs.fault = client_error("ThrottlingException", "slow down")
    assert log.new_lines() == [], "failures that are not in a row do not add up"


def test_after_five_failures_in_a_row_it_says_so_and_gives_up(log: JobLog, logs: FakeLogs, client_error: Any) -> None:
    logs.fault = client_error("ServiceUnavailable", "not now", 503)

    told = [line for _ in range(9) for line in log.new_lines()]

    assert len(told) == 1
    assert (log.is_over, len(logs.calls)) == (True, log_lines.FAILURES)


@pytest.mark.parametrize(
    ("error", "is_over"),
    [
        (CallNotMadeError("no AWS region"), True),
        (AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR)), False),
    ],
)
def test_a_client_that_cannot_be_made_is_no_failure_of_the_step(error: Exception, is_over: bool) -> None:
    def client() -> Any:
        raise error

    log = JobLog(client, PROCESSING_JOB, "job")
    log.new_lines()

    assert log.is_over is is_over


def test_one_message_of_many_lines_is_cut_to_the_newest(log: JobLog, logs: FakeLogs) -> None:
    logs.lines["algo-1-17"] = ["\n".join(str(number) for number in range(5000))]

    lines = log.new_lines()

    assert (len(lines), lines[0], lines[-1]) == (log_lines.LINES_A_LOOK + 1, LEFT_OUT, "4999")


def test_a_job_that_writes_without_end_is_shown_up_to_a_limit(log: JobLog, logs: FakeLogs) -> None:
    told: list[str] = []
    for _ in range(100):
        logs.lines["algo-1-17"] += ["x"] * 90
        told += log.new_lines()

    assert log.is_over
    assert len(told) == log_lines.LINES_A_WAIT + 1
    assert told[-1].endswith("CloudWatch has the others)")
