"""Work of a trigger that Airflow must not break off; runs in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_running: set[asyncio.Task[Any]] = set()


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for some work that goes on when the waiting is cancelled.

    Airflow 3.3.2 cancels a trigger of an ended task again with every look at the database, about once in a second,
    until it is gone: an ``on_kill`` that takes longer is broken off (``TriggerRunner.cancel_triggers``; tried).

    Args:
        work: A coroutine.
    """
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)  # asyncio itself keeps only a weak reference
    task.add_done_callback(_running.discard)
    await asyncio.shield(task)
