"""Calls that block, away from the triggerer's event loop, in threads that nobody waits for when the triggerer ends.

The threads of ``asyncio.to_thread`` are joined when the process ends: one boto3 call without an answer keeps a
triggerer from ending until Airflow kills it (tried). Nothing is lost with such a call: another triggerer asks again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

_Result = TypeVar("_Result")

MOST_THREADS = 32
"""The most calls at once, and the most connections of a client."""


class _Threads:
    """Daemon threads that are started as they are needed, up to a limit, and kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._open = 0

    def submit(self, work: Callable[[], None]) -> None:
        with self._lock:
            self._open += 1
            is_short = self._open > self._started and self._started < self._most
            if is_short:
                self._started += 1
        self._work.put(work)
        if is_short:
            threading.Thread(target=self._run, name="sm-pipelines-call", daemon=True).start()

    def _run(self) -> None:
        while True:
            work = self._work.get()
            try:
                work()
            finally:
                with self._lock:
                    self._open -= 1


_threads = _Threads(MOST_THREADS)


async def in_daemon_thread(work: Callable[[], _Result]) -> _Result:
    """Do something that blocks in a daemon thread, with the context variables of the caller.

    Args:
        work: What to do. It goes on when the waiting is cancelled, unless it has not begun.

    Returns:
        What it returns; raises what it raises.
    """
    loop, context = asyncio.get_running_loop(), copy_context()
    answer: asyncio.Future[_Result] = loop.create_future()

    def settle(settle_answer: Callable[[], None]) -> None:
        if not answer.done():
            settle_answer()

    def run() -> None:
        if answer.cancelled():
            return
        try:
            result = context.run(work)
        except BaseException as error:  # whatever it is, the caller gets it
            outcome = _setter(answer.set_exception, error)
        else:
            outcome = _setter(answer.set_result, result)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    _threads.submit(run)
    return await answer


def _setter(settle: Callable[..., None], value: object) -> Callable[[], None]:
    return lambda: settle(value)
