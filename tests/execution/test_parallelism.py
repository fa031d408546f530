"""Entering, waiting and leaving; the proof of the rules is in tests/semantics/test_parallelism.py."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_sm_pipelines import load_pipeline
from airflow_sm_pipelines.errors import StepInterruptedError
from airflow_sm_pipelines.execution import parallelism
from airflow_sm_pipelines.execution.parallelism import (
    LOOK_EVERY,
    Entrant,
    ParallelismTrigger,
    enter_or_wait,
    leave,
    leave_loop,
)
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.shared_looks import SharedLooks
from airflow_sm_pipelines.execution.steps_in_progress import StepsInProgress
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from airflow_sm_pipelines.semantics.parallelism import MOST_LOOKS, Claim, Unit

BOUND = 2
STEPS = ("A", "B", "C", "D")


class Deferred(Exception):  # noqa: N818 - stands for Airflow's own, which is no error either
    """The task waits; its argument is the trigger."""


@pytest.fixture
def settings(definition: Any, processing_arguments: Any) -> PipelineRunSettings:
    steps = [{"Name": name, "Type": "Processing", "Arguments": processing_arguments} for name in STEPS]
    return PipelineRunSettings(load_pipeline(definition(*steps)), "p", {}, airflow_id="dag")


@pytest.fixture
def steps(settings: PipelineRunSettings, context: Any, airflow_run: Any) -> StepsInProgress:
    return StepsInProgress.of(settings, context, BOUND)


@pytest.fixture
def entrant(settings: PipelineRunSettings, ti: Any, airflow_run: Any) -> Entrant:
    """Step B, in its first try."""

    def defer(*, trigger: Any, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        assert (method_name, timeout) == ("go_on", None)
        raise Deferred(trigger)

    ti.task_id, ti.id = "B", "0196a5c1-0000-7000-8000-0000000000b1"
    airflow_run.states["B"] = "running"
    return Entrant(
        step="B",
        settings=settings,
        bound=BOUND,
        deferrable=True,
        defer=defer,
        method_name="go_on",
        pause=lambda _: False,
        log=logging.getLogger("entrant"),
    )


def claim(step: str, try_number: int = 1, epoch: str = "3-3", entered: bool = True) -> Claim:
    return Claim(step, -1, epoch, try_number, "000000b1" if step == "B" else "00000000", entered)


def begin(steps: StepsInProgress, run: Any, *names: str, state: str = "deferred") -> None:
    """Let steps be in progress."""
    for name in names:
        run.states[name] = state
        steps.write(claim(name))


def look_around(steps: StepsInProgress, run: Any, *names: str) -> None:
    """Let steps be about to decide whether they enter."""
    for name in names:
        run.states[name] = "running"
        steps.write(claim(name, entered=False))


# -- in the worker -----------------------------------------------------------------------------------------------------


def test_a_step_enters_while_there_is_room(entrant: Entrant, context: Any, steps: Any, airflow_run: Any) -> None:
    begin(steps, airflow_run, "A")

    enter_or_wait(entrant, context)

    assert steps.read() == {claim("A"), claim("B")}


def test_a_step_writes_its_claim_down_before_it_looks(entrant: Entrant, context: Any, airflow_run: Any) -> None:
    enter_or_wait(entrant, context)

    assert airflow_run.asked == ["store", "keys", "value", "store", "forget"], "claim, those of all, bound, entered"


def test_a_step_that_finds_no_room_takes_its_claim_back_and_waits_in_the_triggerer(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "C")

    with pytest.raises(Deferred) as waits:
        enter_or_wait(entrant, context)

    assert steps.read() == {claim("A"), claim("C")}
    trigger = waits.value.args[0]
    assert trigger.serialize() == (
        "airflow_sm_pipelines.execution.parallelism.ParallelismTrigger",
        {"steps": steps.as_arguments(), "step": "B", "iteration": -1, "place": 1},
    )
    assert ParallelismTrigger(**trigger.serialize()[1], newer="value").serialize() == trigger.serialize()


def test_of_those_that_come_at_once_the_first_look_again_before_they_give_way(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A")
    airflow_run.states["C"] = "running"
    steps.write(claim("C", entered=False))
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        steps.take_back([claim("C", entered=False)])  # it gives way
        return False

    enter_or_wait(replace(entrant, pause=pause), context)

    assert pauses == [1.0]
    assert claim("B") in steps.read()


def test_a_step_does_not_look_for_ever(entrant: Entrant, context: Any, steps: Any, airflow_run: Any) -> None:
    look_around(steps, airflow_run, "C", "D")
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    with pytest.raises(Deferred):
        enter_or_wait(replace(entrant, pause=pause), context)

    assert len(pauses) == MOST_LOOKS - 1


def test_a_process_that_is_told_to_end_leaves_no_claim(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any
) -> None:
    look_around(steps, airflow_run, "C", "D")

    with pytest.raises(StepInterruptedError, match="told to end"):
        enter_or_wait(replace(entrant, pause=lambda _: True), context)

    assert steps.read() == {claim("C", entered=False), claim("D", entered=False)}


def test_a_retry_goes_on_with_what_a_dead_worker_has_begun_although_the_run_is_full(
    entrant: Entrant, context: Any, ti: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "B", "C")
    ti.try_number = 2

    enter_or_wait(entrant, context)

    assert steps.read() == {claim("A"), claim("B", 2), claim("C")}


def test_a_retry_of_a_worker_that_died_before_it_entered_asks_like_all_others(
    entrant: Entrant, context: Any, ti: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "C")
    steps.write(claim("B", entered=False))
    ti.try_number = 2

    with pytest.raises(Deferred):
        enter_or_wait(entrant, context)

    assert steps.read() == {claim("A"), claim("C")}


def test_a_cleared_step_that_must_wait_stops_its_job_first(
    entrant: Entrant, context: Any, ti: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "B", "C")
    ti.try_number, ti.max_tries = 2, 4
    stopped: list[frozenset[Claim]] = []

    with pytest.raises(Deferred):
        enter_or_wait(replace(entrant, stop_leftover=lambda: stopped.append(steps.read())), context)

    assert stopped == [{claim("A"), claim("B"), claim("C"), claim("B", 2, "4-3", entered=False)}], "until then"
    assert steps.read() == {claim("A"), claim("C")}


def test_claims_of_steps_that_have_ended_are_cleaned_up_by_those_that_look(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "C", state="failed")

    enter_or_wait(entrant, context)

    assert steps.read() == {claim("B")}


@pytest.mark.parametrize(("state", "waits"), [("deferred", False), ("success", True)])
def test_a_cleared_step_counts_if_all_tasks_right_before_it_have_ended(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any, state: str, waits: bool
) -> None:
    begin(steps, airflow_run, "A", "C")
    airflow_run.states |= {"C": None, "D": state}
    dag = SimpleNamespace(task_dict={"C": SimpleNamespace(upstream_task_ids={"D"})})
    context["task"] = SimpleNamespace(dag=dag)

    if waits:
        with pytest.raises(Deferred):
            enter_or_wait(entrant, context)
    else:
        enter_or_wait(entrant, context)


def test_a_cleared_step_that_the_definition_does_not_have_any_more_does_not_count(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "Removed")
    airflow_run.states["Removed"] = None
    context["task"] = SimpleNamespace(dag=SimpleNamespace(task_dict={}))

    enter_or_wait(entrant, context)

    assert claim("B") in steps.read()


def test_the_bound_can_be_raised_and_lowered_while_the_run_goes_on(
    entrant: Entrant, context: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A", "C")
    airflow_run.variables["sm_max_parallel_steps:dag:run"] = "3"
    enter_or_wait(entrant, context)
    steps.take_back([claim("B"), claim("C")])
    airflow_run.variables["sm_max_parallel_steps:dag:run"] = "1"

    with pytest.raises(Deferred):
        enter_or_wait(entrant, context)


@pytest.mark.parametrize(("in_test", "deferrable", "seconds"), [(True, True, 1), (True, False, 1), (False, False, 30)])
def test_a_step_that_cannot_be_deferred_is_started_again(
    entrant: Entrant,
    context: Any,
    steps: Any,
    airflow_run: Any,
    monkeypatch: pytest.MonkeyPatch,
    in_test: bool,
    deferrable: bool,
    seconds: int,
) -> None:
    monkeypatch.setattr(parallelism, "is_dag_test", lambda: in_test)
    begin(steps, airflow_run, "A", "C")

    with pytest.raises(AirflowRescheduleException) as again:
        enter_or_wait(replace(entrant, deferrable=deferrable), context)

    left = again.value.reschedule_date - datetime.now(UTC)
    assert timedelta(seconds=seconds - 1) < left <= timedelta(seconds=seconds)


def test_who_leaves_makes_room(
    entrant: Entrant, context: Any, settings: PipelineRunSettings, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A")
    enter_or_wait(entrant, context)

    leave("B", settings, BOUND, context)
    leave("B", settings, BOUND, context)

    assert steps.read() == {claim("A")}


def test_an_ended_loop_leaves_no_claims(
    settings: PipelineRunSettings, context: Any, steps: Any, airflow_run: Any
) -> None:
    begin(steps, airflow_run, "A")
    for index in range(3):
        steps.write(Claim("Each", index, "3-3", 1, "0", has_entered=True))

    leave_loop("Each", settings, BOUND, context)

    assert steps.read() == {claim("A")}


# -- in the triggerer --------------------------------------------------------------------------------------------------


FIRST, SECOND, THIRD = (("A", -1), ("B", -1), ("C", -1))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[float]]:
    """Three waiting steps, and the time."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return parallelism._Queue({THIRD: (2, -1), FIRST: (0, -1), SECOND: (1, -1)}), now


def room(*in_progress: Unit, ended: tuple[Unit, ...] = (), bound: int = 1) -> parallelism._Room:
    return parallelism._Room(frozenset(in_progress), frozenset(ended), bound)


def test_the_waiting_steps_are_called_in_step_order(queue: Any) -> None:
    waiting, _ = queue

    assert [waiting.calls(unit, room(bound=2)) for unit in (THIRD, SECOND, FIRST)] == [False, True, True]
    assert not waiting.calls(THIRD, room(bound=2)), "the two are on their way"


def test_who_was_called_takes_its_place_until_it_is_in_progress_and_no_longer(queue: Any) -> None:
    waiting, now = queue
    assert waiting.calls(FIRST, room())
    now[0] += 5

    assert not waiting.calls(SECOND, room(FIRST)), "it has come"
    assert waiting.calls(SECOND, room()), "it has ended"


def test_who_does_not_come_loses_its_place(queue: Any) -> None:
    waiting, now = queue
    assert waiting.calls(FIRST, room())
    now[0] += 29
    assert not waiting.calls(SECOND, room())
    now[0] += 2

    assert waiting.calls(SECOND, room())


def test_who_was_called_and_skipped_keeps_nobody_waiting(queue: Any) -> None:
    waiting, now = queue
    assert waiting.calls(FIRST, room())
    now[0] += 5

    assert not waiting.calls(SECOND, room())
    assert waiting.calls(SECOND, room(ended=(FIRST,)))


def test_who_comes_back_because_others_were_before_it_waits_again(queue: Any) -> None:
    waiting, _ = queue
    assert waiting.calls(FIRST, room())
    waiting.waiting[FIRST] = (0, -1)

    assert not waiting.calls(SECOND, room()), "step order"
    assert waiting.calls(FIRST, room())


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of triggers, which take no time."""
    made: list[float] = []
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        made.append(seconds)
        assert len(made) < 100, "never ends"
        await pause(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(parallelism, "_looks", SharedLooks(0.0))
    return made


def trigger_of(steps: StepsInProgress, step: str = "B") -> ParallelismTrigger:
    return ParallelismTrigger(steps=steps.as_arguments(), step=step, iteration=-1, place=STEPS.index(step))


async def payloads(waiting: ParallelismTrigger) -> list[Any]:
    return [event.payload async for event in waiting.run()]


def test_the_trigger_says_nothing_in_its_first_seconds(steps: Any, airflow_run: Any, pauses: list[float]) -> None:
    assert asyncio.run(payloads(trigger_of(steps))) == [{"step": "B"}]
    assert pauses == [QUIET_SECONDS]
    assert parallelism._queues == {}


def test_the_trigger_looks_until_there_is_room(
    steps: Any, airflow_run: Any, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(steps, airflow_run, "A", "C")
    looks = []

    def read() -> frozenset[Claim]:
        looks.append(1)
        if len(looks) == 3:
            airflow_run.states["C"] = "success"
        return frozenset({claim("A"), claim("C")})

    monkeypatch.setattr(StepsInProgress, "read", lambda _: read())

    assert asyncio.run(payloads(trigger_of(steps))) == [{"step": "B"}]
    assert pauses == [QUIET_SECONDS, LOOK_EVERY, LOOK_EVERY]


def test_the_trigger_only_reads(steps: Any, airflow_run: Any, pauses: list[float]) -> None:
    begin(steps, airflow_run, "A", state="failed")
    airflow_run.asked.clear()

    asyncio.run(payloads(trigger_of(steps)))

    assert set(airflow_run.asked) == {"keys", "states", "value"}


def test_a_thousand_waiting_steps_ask_no_more_often_than_one(
    steps: Any, airflow_run: Any, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallelism, "_looks", SharedLooks(60.0))
    queue = parallelism._Queue({(f"Step{number}", -1): (number, -1) for number in range(1000)})

    async def called() -> list[bool]:
        asks = trigger_of(steps)._is_called
        return await asyncio.gather(*(asks(steps, queue, unit) for unit in [*queue.waiting]))

    assert sum(asyncio.run(called())) == BOUND
    assert airflow_run.asked == ["keys", "value"], "the claims, and what a person has set"


def test_a_trigger_that_is_cancelled_leaves_the_queue(steps: Any, airflow_run: Any, pauses: list[float]) -> None:
    begin(steps, airflow_run, "A", "C")

    async def cancelled() -> None:
        task = asyncio.ensure_future(payloads(trigger_of(steps)))
        while not parallelism._queues:
            await asyncio.to_thread(lambda: None)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancelled())

    assert parallelism._queues == {}


def test_an_outage_of_airflow_is_no_failure_of_the_step(
    steps: Any, airflow_run: Any, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = [ErrorType.API_SERVER_ERROR, ErrorType.API_SERVER_ERROR, None]

    def read() -> frozenset[Claim]:
        error = answers.pop(0)
        if error is not None:
            raise AirflowRuntimeError(ErrorResponse(error=error, detail={"status_code": None}))
        return frozenset()

    monkeypatch.setattr(StepsInProgress, "read", lambda _: read())

    assert asyncio.run(payloads(trigger_of(steps))) == [{"step": "B"}]
    assert len(pauses) == 3


def test_a_refusal_of_airflow_fails_the_trigger(
    steps: Any, airflow_run: Any, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> NoReturn:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.PERMISSION_DENIED, detail={"status_code": 403}))

    monkeypatch.setattr(StepsInProgress, "read", lambda _: read())

    with pytest.raises(AirflowRuntimeError):
        asyncio.run(payloads(trigger_of(steps)))
