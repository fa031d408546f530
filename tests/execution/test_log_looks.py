"""Logs of the jobs for which triggers wait, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.execution import log_looks
from airflow_sm_pipelines.execution.log_looks import followed_log
from airflow_sm_pipelines.semantics import log_lines
from tests.conftest import FakeLogs
from tests.virtual_time import at_once, run_in_virtual_time

INTERVAL = 10.0
LOG = logging.getLogger("trigger")


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_looks, "in_daemon_thread", at_once)


async def follow(logs: Any, seconds: float, name: str = "job", log: logging.Logger = LOG) -> list[str]:
    async with followed_log(lambda: logs, PROCESSING_JOB, name, log, INTERVAL) as followed:
        await asyncio.sleep(seconds)
        return await followed.last_lines()


def test_new_lines_are_logged_while_the_job_runs(caplog: pytest.LogCaptureFixture) -> None:
    logs = FakeLogs(**{"algo-1-17": ["one"]})

    async def scenario() -> list[str]:
        waiting = asyncio.create_task(follow(logs, 100))
        await asyncio.sleep(5)
        assert caplog.messages == [], "the first looks are for the jobs themselves"
        await asyncio.sleep(10)
        assert caplog.messages == ["one"]
        logs.lines["algo-1-17"].append("two")
        await asyncio.sleep(20)
        assert caplog.messages == ["one", "two"]
        return await waiting

    assert run_in_virtual_time(scenario()) == ["one", "two"]


def test_what_a_job_writes_at_its_end_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    logs = FakeLogs(**{"algo-1-17": ["one"]})

    async def scenario() -> list[str]:
        waiting = asyncio.create_task(follow(logs, 5))
        await asyncio.sleep(4)
        logs.lines["algo-1-17"].append("accuracy 0.9")
        return await waiting

    assert run_in_virtual_time(scenario()) == ["one", "accuracy 0.9"]
    assert caplog.messages == ["one", "accuracy 0.9"]


@pytest.mark.parametrize(("jobs", "most"), [(1, 8), (5, 20), (1000, 20)])
def test_the_logs_of_many_jobs_cost_at_most_three_calls_in_ten_seconds(jobs: int, most: int) -> None:
    logs = FakeLogs(**{"algo-1-17": ["one"]})
    seconds = 60.0

    async def scenario() -> None:
        waiting = [asyncio.create_task(follow(logs, seconds, f"job-{number}")) for number in range(jobs)]
        await asyncio.sleep(seconds - 1)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run_in_virtual_time(scenario())

    assert 0 < len(logs.calls) <= most
    assert most <= log_lines.CALLS_PER_SECOND * seconds + 2


def test_the_last_lines_of_many_that_end_at_once_delay_nobody_for_long() -> None:
    logs = FakeLogs(**{"algo-1-17": ["one"]})

    async def scenario() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(follow(logs, 0, f"job-{number}") for number in range(100)))
        return asyncio.get_running_loop().time() - began

    assert run_in_virtual_time(scenario()) <= log_lines.LAST_TURN_PATIENCE


def test_a_trigger_that_is_cancelled_asks_no_more() -> None:
    logs = FakeLogs(**{"algo-1-17": ["one"]})

    async def scenario() -> int:
        waiting = asyncio.create_task(follow(logs, 1000))
        await asyncio.sleep(25)
        waiting.cancel()
        await asyncio.sleep(1)
        before = len(logs.calls)
        await asyncio.sleep(100)
        return len(logs.calls) - before

    assert run_in_virtual_time(scenario()) == 0


def test_an_answer_that_does_not_come_does_not_keep_the_end_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_work: Any) -> Any:
        await asyncio.sleep(10_000)

    monkeypatch.setattr(log_looks, "in_daemon_thread", never)

    async def scenario() -> float:
        await follow(FakeLogs(), 50)
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(scenario()) <= 50 + log_lines.LAST_LOOK_PATIENCE


def test_a_fault_of_ours_ends_the_looks_and_not_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __getattr__(self, _name: str) -> Any:
            raise ZeroDivisionError

    async def scenario() -> None:
        async with followed_log(Broken, PROCESSING_JOB, "job", LOG, INTERVAL):  # type: ignore[arg-type, return-value]
            await asyncio.sleep(100)

    run_in_virtual_time(scenario())

    assert caplog.messages == ["Cannot follow the log of a job"]
