"""Looks at a run that all triggers of a triggerer share: a thousand that wait ask no more often than one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

_Seen = TypeVar("_Seen")


class SharedLooks(Generic[_Seen]):
    """The latest look at each run.

    Args:
        fresh_for: Seconds in which another trigger may use a look.
    """

    def __init__(self, fresh_for: float) -> None:
        self._fresh_for = fresh_for
        self._looks: dict[Hashable, _Look[_Seen]] = {}

    def __len__(self) -> int:
        return len(self._looks)

    async def at(self, key: Hashable, look: Callable[[], _Seen]) -> _Seen:
        """Return what there is to see, from a look of another trigger if there was one just now.

        Args:
            key: What is looked at.
            look: Looks; runs in a thread.
        """
        seen = self._looks.get(key)
        if seen is None or not seen.is_fresh(self._fresh_for):
            answer = asyncio.ensure_future(asyncio.to_thread(look))
            seen = _Look(answer, asyncio.get_running_loop(), time.monotonic())
            self._forget_old_looks()
            self._looks[key] = seen
        # The answer must survive the cancellation of this trigger: others await it, too.
        return await asyncio.shield(seen.answer)

    def _forget_old_looks(self) -> None:
        for key in [key for key, look in self._looks.items() if not look.is_fresh(self._fresh_for)]:
            del self._looks[key]


@dataclass(frozen=True, slots=True)
class _Look(Generic[_Seen]):
    """One look.

    Attributes:
        answer: What there is to see.
        loop: Where the answer can be awaited.
        since: When it was asked for, on the monotonic clock.
    """

    answer: asyncio.Future[_Seen]
    loop: asyncio.AbstractEventLoop
    since: float

    def is_fresh(self, seconds: float) -> bool:
        """Whether another trigger may use it."""
        return self.loop is asyncio.get_running_loop() and time.monotonic() - self.since < seconds
