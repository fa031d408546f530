"""Ends of a Callback step without an answer: timeouts, and a person or Airflow that ends its task."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from botocore.exceptions import ClientError

from airflow_sm_pipelines.callbacks import queue
from airflow_sm_pipelines.callbacks.attempts import CallbackBook
from airflow_sm_pipelines.errors import (
    StepError,
    StepFailedError,
    StepInterruptedError,
    StepTimeoutError,
)
from airflow_sm_pipelines.execution.records import RECORD_KEY
from tests.callbacks.stand_ins import GOOD, TYPED, DeferredError, World, parked

# -- ends without an answer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["failed", "success", None])
def test_ending_the_task_in_its_worker_says_stopping(
    make_sensor: Any, context: Any, world: World, task_state: Any, state: str | None
) -> None:
    sensor, task_state["state"] = make_sensor(), state
    sensor.kill_switch.flipped_at_wait = 1
    with pytest.raises(StepError, match="the message Stopping was sent"):
        sensor.step(context).start()
    assert world.statuses() == ["Executing", "Stopping"]
    assert world.messages[0]["token"] == world.messages[1]["token"]


def test_a_worker_that_is_told_to_end_leaves_the_callback_open(
    make_sensor: Any, context: Any, world: World, task_state: Any
) -> None:
    sensor = make_sensor()
    sensor.kill_switch.flipped_at_wait = 1
    with pytest.raises(StepInterruptedError):
        sensor.step(context).start()
    assert world.statuses() == ["Executing"]
    parked(make_sensor(), context)
    assert world.statuses() == ["Executing"], "the next try has nothing to send"


@pytest.mark.parametrize(("state", "error"), [("failed", StepError), ("running", StepInterruptedError)])
def test_a_kill_before_the_message_was_sent_sends_nothing(
    make_sensor: Any, context: Any, world: World, task_state: Any, state: str, error: type[Exception]
) -> None:
    sensor, task_state["state"] = make_sensor(), state
    sensor.kill_switch.flip()
    with pytest.raises(error, match="no message was sent"):
        sensor.step(context).start()
    assert world.effects == []


def test_a_timeout_in_the_worker_says_stopping(make_sensor: Any, context: Any, world: World) -> None:
    sensor = make_sensor()
    sensor.execution_timeout = timedelta(seconds=60)

    def time_out(_: int) -> None:
        raise AirflowTaskTimeout

    sensor.kill_switch.at_wait = time_out
    with pytest.raises(StepTimeoutError, match="nobody answered the callback within execution_timeout"):
        sensor.step(context).start()
    assert world.statuses() == ["Executing", "Stopping"]
    assert world.get(RECORD_KEY)["closed"]


def test_a_deferral_ends_with_the_timeout(make_sensor: Any, context: Any, world: World) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sensor = make_sensor()
    sensor.execution_timeout = timedelta(seconds=60)
    with pytest.raises(DeferredError) as caught:
        sensor.step(context, lambda: start).start()
    assert caught.value.timeout == timedelta(seconds=60)
    with pytest.raises(DeferredError) as again:
        sensor.step(context, lambda: start + timedelta(seconds=45)).resume({})
    assert again.value.timeout == timedelta(seconds=15)
    with pytest.raises(StepTimeoutError):
        sensor.step(context).time_out()
    assert world.statuses() == ["Executing", "Stopping"]


def test_an_answer_that_was_taken_counts_also_after_the_timeout(make_sensor: Any, context: Any, world: World) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sensor = make_sensor()
    sensor.execution_timeout = timedelta(seconds=60)
    with pytest.raises(DeferredError):
        sensor.step(context, lambda: start).start()
    world.answer(world.messages[0]["token"], GOOD)

    late = sensor.step(context, lambda: start + timedelta(seconds=90))
    before = list(world.effects)
    assert late.time_out() == TYPED
    assert world.effects == before, "nothing is sent, and the attempt never looks closed"


def test_an_answer_in_the_very_moment_of_the_timeout_counts(
    make_sensor: Any, context: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked(make_sensor(), context)
    close = CallbackBook.close

    def answered_meanwhile(book: CallbackBook, attempt: Any) -> Any:
        world.answer(world.messages[0]["token"], GOOD)
        return close(book, attempt)

    monkeypatch.setattr(CallbackBook, "close", answered_meanwhile)
    assert make_sensor().step(context).time_out() == TYPED
    assert world.statuses() == ["Executing"]
    assert not world.get(RECORD_KEY)["closed"], "a try after a crash finds the answer"


def test_a_timeout_whose_message_is_refused_is_left_to_the_next_try(
    make_sensor: Any, context: Any, world: World
) -> None:
    sensor = make_sensor()
    sensor.execution_timeout = timedelta(seconds=60)
    parked(sensor, context)
    answer = {"Error": {"Code": "RequestThrottled", "Message": "slow"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    world.error = ClientError(answer, "SendMessage")  # type: ignore[arg-type]
    with pytest.raises(StepFailedError, match="slow"):
        sensor.step(context).time_out()

    world.error = None
    late = sensor.step(context, lambda: datetime.now(UTC) + timedelta(seconds=90))
    with pytest.raises(StepTimeoutError):
        late.start()
    assert world.statuses() == ["Executing", "Stopping"]
    assert world.get(RECORD_KEY)["closed"]


def test_the_trigger_knows_the_token_only_sealed(make_sensor: Any, context: Any, world: World) -> None:
    deferred = parked(make_sensor(), context)
    token = world.messages[0]["token"]
    assert token not in json.dumps(deferred.trigger.serialize())
    assert queue.unseal(deferred.trigger.sealed).token == token


def test_a_lost_record_is_a_clear_error(make_sensor: Any, context: Any, world: World) -> None:
    with pytest.raises(StepError, match="attempt record is gone"):
        make_sensor().step(context).resume({})
