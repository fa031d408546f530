"""Work that goes on when Airflow cancels the trigger that waits for it."""

from __future__ import annotations

import asyncio

from airflow_sm_pipelines.execution import killed_trigger
from airflow_sm_pipelines.execution.killed_trigger import to_its_end


def test_cancelling_the_wait_does_not_cancel_the_work() -> None:
    done: list[str] = []

    async def work() -> None:
        for part in ("look", "send"):
            await asyncio.sleep(0)
            done.append(part)

    async def scenario() -> None:
        waiting = asyncio.create_task(to_its_end(work()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        await asyncio.gather(*killed_trigger._running)

    asyncio.run(scenario())
    assert done == ["look", "send"]
    assert not killed_trigger._running
