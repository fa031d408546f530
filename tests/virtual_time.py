"""An event loop whose time passes at once: what waits for hours is tried in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class _Selector(selectors.SelectSelector):
    """Lets the time of its loop pass instead of waiting. Nothing from outside may be waited for, e.g. a thread."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events and timeout is None:
            raise AssertionError("waits for something that never happens")
        if not events and timeout:
            self.loop.passed += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own.

    Attributes:
        passed: Seconds since it was made.
    """

    def __init__(self) -> None:
        selector = _Selector()
        self.passed = 0.0
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.passed


def run_in_virtual_time(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in no time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


async def at_once(work: Callable[[], _Result]) -> _Result:
    """Stand for `in_daemon_thread`, which virtual time could not wait for."""
    return work()
