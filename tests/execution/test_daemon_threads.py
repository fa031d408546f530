"""Calls that block, in threads that nobody waits for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextvars import ContextVar

import pytest

from airflow_sm_pipelines.execution import daemon_threads
from airflow_sm_pipelines.execution.daemon_threads import MOST_THREADS, in_daemon_thread


def test_it_returns_what_the_call_returns_and_raises_what_it_raises() -> None:
    def fail() -> None:
        raise ValueError("no")

    async def scenario() -> int:
        with pytest.raises(ValueError, match="no"):
            await in_daemon_thread(fail)
        return await in_daemon_thread(threading.get_ident)

    assert asyncio.run(scenario()) != threading.get_ident()


def test_the_call_has_the_context_of_the_caller() -> None:
    trigger: ContextVar[str] = ContextVar("trigger")

    async def scenario() -> str:
        trigger.set("mine")
        return await in_daemon_thread(trigger.get)

    assert asyncio.run(scenario()) == "mine"


def test_many_calls_share_a_limited_number_of_threads() -> None:
    running: list[int] = []
    most = 0
    lock = threading.Lock()

    def call() -> None:
        nonlocal most
        with lock:
            running.append(1)
            most = max(most, len(running))
        time.sleep(0.002)
        with lock:
            running.pop()

    async def scenario() -> None:
        await asyncio.gather(*(in_daemon_thread(call) for _ in range(300)))

    asyncio.run(scenario())

    assert 1 < most <= MOST_THREADS
    assert daemon_threads._threads._started <= MOST_THREADS


def test_a_call_whose_caller_has_left_before_it_began_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_threads, "_threads", daemon_threads._Threads(1))
    goes_on, made = threading.Event(), []

    async def scenario() -> None:
        first = asyncio.create_task(in_daemon_thread(lambda: goes_on.wait(5)))
        await asyncio.sleep(0)
        second = asyncio.create_task(in_daemon_thread(lambda: made.append(1)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        goes_on.set()
        await first
        await in_daemon_thread(lambda: None)

    asyncio.run(scenario())

    assert made == []


def test_an_answer_that_comes_when_nobody_waits_any_more_is_dropped() -> None:
    goes_on, done = threading.Event(), threading.Event()

    def call() -> None:
        goes_on.wait(5)
        done.set()

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(in_daemon_thread(call), 0.05)

    asyncio.run(scenario())
    goes_on.set()  # the loop is closed

    assert done.wait(5)


def test_a_process_ends_although_a_call_hangs() -> None:
    program = """
import asyncio, threading
from airflow_sm_pipelines.execution.daemon_threads import in_daemon_thread

async def main():
    try:
        await asyncio.wait_for(in_daemon_thread(threading.Event().wait), 0.1)
    except TimeoutError:
        print("left")

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "left\n"
