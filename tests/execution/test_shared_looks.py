"""Looks that triggers share."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_sm_pipelines.execution.shared_looks import SharedLooks


class Looks:
    """Counts how often somebody looks."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


def test_a_thousand_that_wait_look_once(monkeypatch: pytest.MonkeyPatch) -> None:
    look, shared = Looks(), SharedLooks[int](fresh_for=1.0)

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(shared.at("run", look) for _ in range(1000)))

    assert asyncio.run(all_of_them()) == [1] * 1000
    assert look.made == 1


def test_an_old_look_and_that_of_another_run_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    look, shared, now = Looks(), SharedLooks[int](fresh_for=1.0), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def later() -> list[int]:
        first, other = await shared.at("run", look), await shared.at("another run", look)
        now[0] += 1.5
        return [first, other, await shared.at("run", look)]

    async def looks() -> None:
        assert await later() == [1, 2, 3]
        assert len(shared) == 1, "what nobody can use any more is forgotten"

    asyncio.run(looks())


def test_a_look_that_fails_fails_for_all_that_share_it_and_the_next_one_looks_again() -> None:
    shared = SharedLooks[int](fresh_for=0.0)

    def broken() -> int:
        raise ConnectionError("no API server")

    async def first_and_next() -> int:
        with pytest.raises(ConnectionError):
            await shared.at("run", broken)
        return await shared.at("run", lambda: 7)

    assert asyncio.run(first_and_next()) == 7
