"""Waiting for one's turn in a ForEach."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

from airflow_sm_pipelines.execution import max_concurrency as turns
from airflow_sm_pipelines.execution.max_concurrency import LOOK_EVERY, TurnTrigger, is_dag_test, wait_for_turn
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS

Answers = dict[str, dict[int, str | None]]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """States of the body tasks, by index."""
    found: Answers = {"A": {0: "success", 1: "running", 2: None}, "B": {0: "success", 1: None, 2: None}}

    def mapped_task_states(dag_id: str, run_id: str, task_id: str) -> dict[int, str | None]:
        assert (dag_id, run_id) == ("dag", "run")
        return found[task_id]

    monkeypatch.setattr(turns, "mapped_task_states", mapped_task_states)
    return found


class Deferred(Exception):  # noqa: N818 - stands for Airflow's own, which is no error either
    pass


class Task:
    body_task_ids = ("A", "B")

    def __init__(self, limit: int, deferrable: bool = True) -> None:
        self.limit = limit
        self.deferrable = deferrable
        self.trigger: Any = None

    def defer(self, *, trigger: Any, method_name: str) -> NoReturn:
        assert method_name == "resume"
        self.trigger = trigger
        raise Deferred


# -- in the worker -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "limit"), [(0, 1), (1, 1), (2, 2)])
def test_whose_turn_it_is_goes_on(states: Answers, context: Any, ti: Any, index: int, limit: int) -> None:
    ti.map_index = index

    wait_for_turn(Task(limit), context, "resume")


def test_who_need_never_wait_asks_for_no_states(states: Answers, context: Any, ti: Any) -> None:
    """Most loops have no more items than may be in progress: they would ask for all of them once for each."""
    states.clear()  # a question would fail
    ti.map_index = 49

    wait_for_turn(Task(limit=50), context, "resume")


def test_who_must_wait_waits_in_the_triggerer(states: Answers, context: Any, ti: Any) -> None:
    ti.map_index, task = 2, Task(limit=1)

    with pytest.raises(Deferred):
        wait_for_turn(task, context, "resume")

    assert task.trigger.serialize() == (
        "airflow_sm_pipelines.execution.max_concurrency.TurnTrigger",
        {"body_task_ids": ["A", "B"], "index": 2, "limit": 1},
    )


def test_without_deferral_airflow_starts_it_again_but_not_too_soon(states: Answers, context: Any, ti: Any) -> None:
    ti.map_index = 2

    with pytest.raises(AirflowRescheduleException) as again:
        wait_for_turn(Task(limit=1, deferrable=False), context, "resume")

    assert again.value.reschedule_date - datetime.now(UTC) > timedelta(seconds=25)


@pytest.mark.parametrize("deferrable", [True, False])
def test_in_dag_test_it_gives_way_since_the_others_could_not_run(
    states: Answers, context: Any, ti: Any, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    monkeypatch.setattr(turns, "is_dag_test", lambda: True)
    ti.map_index = 2

    with pytest.raises(AirflowRescheduleException) as again:
        wait_for_turn(Task(limit=1, deferrable=deferrable), context, "resume")

    assert again.value.reschedule_date - datetime.now(UTC) < timedelta(seconds=2)


def test_dag_test_is_known_by_its_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(), raising=False)
    assert not is_dag_test()

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", InProcessSupervisorComms(supervisor=None))
    assert is_dag_test()


# -- in the triggerer --------------------------------------------------------------------------------------------------


class Clock:
    """Stands for time: a pause takes none, is written down, and lets a test change the world."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.at_pause: dict[int, Any] = {}

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        assert len(self.pauses) < 100, "never ends"
        self.at_pause.get(len(self.pauses), lambda: None)()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turns.asyncio, "sleep", clock.sleep)
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


def trigger(index: int, limit: int) -> TurnTrigger:
    made = TurnTrigger(body_task_ids=["A", "B"], index=index, limit=limit)
    made.task_instance = SimpleNamespace(dag_id="dag", run_id="run", task_id="turn", map_index=index)
    return made


async def payloads(waiting: TurnTrigger) -> list[Any]:
    return [event.payload async for event in waiting.run()]


def test_the_trigger_says_nothing_in_its_first_seconds(states: Answers, clock: Clock) -> None:
    assert asyncio.run(payloads(trigger(2, limit=2))) == [{"index": 2}]
    assert clock.pauses == [QUIET_SECONDS]


def test_the_trigger_looks_until_it_is_the_iterations_turn(states: Answers, clock: Clock) -> None:
    def end_of_first_iteration() -> None:
        states["A"][1] = states["B"][1] = "success"

    clock.at_pause[3] = end_of_first_iteration

    assert asyncio.run(payloads(trigger(2, limit=1))) == [{"index": 2}]
    assert clock.pauses == [QUIET_SECONDS, LOOK_EVERY, LOOK_EVERY]


def test_those_that_wait_in_a_run_share_their_looks(
    states: Answers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    answer = turns.mapped_task_states
    monkeypatch.setattr(turns, "mapped_task_states", lambda *asked: (looks.append(asked[2]), answer(*asked))[1])

    async def all_of_them() -> None:
        await asyncio.gather(*(trigger(index, limit=1)._shared_look() for index in range(50)))
        assert looks == ["A", "B"]
        clock.now += LOOK_EVERY
        await trigger(2, limit=1)._shared_look()

    asyncio.run(all_of_them())

    assert looks == ["A", "B"] * 2
    assert len(turns._looks) == 1


def test_a_look_is_not_shared_with_another_triggerer(states: Answers, clock: Clock) -> None:
    for _ in range(2):
        assert asyncio.run(trigger(2, limit=2)._shared_look()) == {0}


def test_a_trigger_that_ends_leaves_the_others_their_look(states: Answers, clock: Clock) -> None:
    async def one_is_cancelled() -> frozenset[int]:
        first = asyncio.ensure_future(trigger(1, limit=1)._shared_look())
        second = asyncio.ensure_future(trigger(2, limit=1)._shared_look())
        await asyncio.wait([first], timeout=0)
        first.cancel()
        return await second

    assert asyncio.run(one_is_cancelled()) == {0}


def test_a_look_that_fails_fails_the_trigger(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: str) -> NoReturn:
        raise ConnectionError("no API server")

    monkeypatch.setattr(turns, "mapped_task_states", broken)

    with pytest.raises(ConnectionError, match="no API server"):
        asyncio.run(payloads(trigger(2, limit=1)))
