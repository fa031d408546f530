"""Answers to a Callback step: how its task waits for them, takes them, and what it makes of each."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_sm_pipelines.callbacks.attempts import answer_key
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer, digest_of
from airflow_sm_pipelines.errors import (
    StepError,
    StepFailedError,
)
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.settings import Waiting
from airflow_sm_pipelines.execution.xcoms import read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus
from tests.callbacks.stand_ins import GOOD, TYPED, URL, DeferredError, World, parked, use_key

# -- answers -----------------------------------------------------------------------------------------------------------


def test_the_worker_looks_for_an_answer_before_it_parks(make_sensor: Any, context: Any, world: World) -> None:
    sensor = make_sensor()
    sensor.kill_switch.at_wait = lambda _: world.answer(world.messages[0]["token"], GOOD)
    assert sensor.step(context).start() == TYPED
    assert len(sensor.kill_switch.waits) == 1


def test_without_deferral_the_worker_waits(make_sensor: Any, context: Any, world: World) -> None:
    sensor = make_sensor()
    sensor.waiting = Waiting(deferrable=False, poll_interval=3)

    def answer(number: int) -> None:
        if number == 50:
            world.answer(world.messages[0]["token"], GOOD)

    sensor.kill_switch.at_wait = answer
    assert sensor.step(context).start() == TYPED
    assert max(sensor.kill_switch.waits) == 3


def waiting_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if message.startswith("Waiting")]


def test_a_waiting_task_says_for_what_where_and_since_when(
    make_sensor: Any, context: Any, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    parked(make_sensor(), context)
    sensor = make_sensor()
    sensor.execution_timeout = timedelta(days=1)
    with pytest.raises(DeferredError):
        sensor.step(context).resume({})

    first, again = waiting_lines(caplog)
    since = first.rpartition(" since ")[2]
    assert first == f"Waiting for an answer to the callback of Step, sent to {URL}, since {since}"
    assert again == f"{first}, for at most 1 day, 0:00:00"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(since)) < timedelta(minutes=1)


def test_a_worker_that_waits_says_so_once(
    make_sensor: Any, context: Any, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sensor = make_sensor()
    sensor.waiting = Waiting(deferrable=False, poll_interval=3)
    sensor.kill_switch.at_wait = lambda number: number > 4 and world.answer(world.messages[0]["token"], GOOD)
    sensor.step(context).start()

    assert len(waiting_lines(caplog)) == 1


def test_waking_without_an_answer_parks_again(make_sensor: Any, context: Any, world: World) -> None:
    parked(make_sensor(), context)
    sensor = make_sensor()
    with pytest.raises(DeferredError) as again:
        sensor.step(context).resume({})
    assert again.value.method_name == "resume"
    assert world.statuses() == ["Executing"]
    assert sensor.request["MessageBody"]["arguments"] == world.messages[0]["arguments"], "shown after a resume, too"


def test_a_failure_is_the_steps_failure_and_closes_the_attempt(make_sensor: Any, context: Any, world: World) -> None:
    parked(make_sensor(), context)
    world.answer(world.messages[0]["token"], Answer(FAILURE, reason="InternalServerError: no"))
    with pytest.raises(StepFailedError) as caught:
        make_sensor().step(context).resume({})
    assert str(caught.value) == "Step Step: InternalServerError: no"
    assert caught.value.exception_type is None, "the handler's own words are no retry type"
    assert read_status(context, "Step") is StepStatus.FAILED

    parked(make_sensor(), context)  # a retry of the task
    assert world.statuses() == ["Executing", "Executing"]
    assert world.messages[0]["token"] != world.messages[1]["token"]


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        ({"approved": "true"}, "the declared output 'rows' was not returned"),
        ({"approved": "true", "rows": "12", "row": "1"}, "it has 'row', and the step declares 'approved', 'rows'"),
        ({"approved": "true", "rows": "a dozen"}, "'rows' is declared as Integer"),
    ],
)
def test_wrong_outputs_are_a_clear_error(
    make_sensor: Any, context: Any, world: World, outputs: dict[str, Any], complaint: str
) -> None:
    parked(make_sensor(), context)
    world.answer(world.messages[0]["token"], Answer(SUCCESS, outputs))
    with pytest.raises(StepFailedError, match="the answer is not what the step declares") as caught:
        make_sensor().step(context).resume({})
    assert complaint in str(caught.value)


def test_what_a_person_types_is_taken_with_its_type(make_sensor: Any, context: Any, world: World) -> None:
    parked(make_sensor(), context)
    typed = {"approved": True, "rows": 12, "FailureReason": "not needed"}
    world.answer(world.messages[0]["token"], Answer(SUCCESS, typed, person="Ada"))
    assert make_sensor().step(context).resume({}) == TYPED


def test_an_answer_is_taken_also_by_a_worker_without_the_key(
    make_sensor: Any, context: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked(make_sensor(), context)
    world.answer(world.messages[0]["token"], GOOD)
    use_key(monkeypatch, Fernet.generate_key())
    assert make_sensor().step(context).resume({}) == TYPED


def test_an_answer_counts_also_if_the_number_of_retries_was_edited_meanwhile(
    make_sensor: Any, context: Any, world: World, ti: Any
) -> None:
    parked(make_sensor(), context)
    world.answer(world.messages[0]["token"], GOOD)
    ti.task.retries += 1
    assert make_sensor().step(context).resume({}) == TYPED


def test_after_such_a_resume_a_dead_worker_gives_the_token_up_no_more(
    make_sensor: Any, context: Any, world: World, ti: Any
) -> None:
    parked(make_sensor(), context)
    ti.task.retries += 1
    with pytest.raises(DeferredError):
        make_sensor().step(context).resume({})
    world.answer(world.messages[0]["token"], GOOD)
    assert make_sensor().step(context).start() == TYPED
    assert {message["token"] for message in world.messages} == {world.messages[0]["token"]}


@pytest.mark.parametrize("deferrable", [True, False])
def test_when_the_wait_begins_it_is_looked_whether_the_endpoint_is_there(
    make_sensor: Any, context: Any, world: World, deferrable: bool
) -> None:
    sensor = make_sensor()
    sensor.waiting = Waiting(deferrable=deferrable, settle=1)
    sensor.kill_switch.at_wait = lambda _: world.answer(world.messages[0]["token"], GOOD)
    sensor.step(context).start()
    assert world.probed == [deferrable]


def test_an_attempt_that_is_over_does_not_go_on_after_a_deferral(make_sensor: Any, context: Any, world: World) -> None:
    parked(make_sensor(), context)
    world.store.set(RECORD_KEY, {**world.get(RECORD_KEY), "closed": True})
    with pytest.raises(StepError, match="its attempt record is gone"):
        make_sensor().step(context).resume({})


# -- an API server without the plugin ----------------------------------------------------------------------------------


def response(*options: str, **form: Any) -> dict[str, Any]:
    """The event by which Airflow resumes a task when somebody has responded."""
    user = {"id": "7", "name": "Ada"}
    return {"chosen_options": list(options), "params_input": form, "responded_by_user": user, "timedout": False}


@pytest.mark.parametrize("by", [{}, {"answered": True}])
def test_what_a_person_answers_counts_also_if_the_api_server_has_not_kept_it(
    make_sensor: Any, context: Any, world: World, by: dict[str, Any]
) -> None:
    parked(make_sensor(), context)
    event = {**response(SUCCESS, approved=False, rows=12, FailureReason=None), **by}
    assert make_sensor().step(context).resume(event) == {"OutputParameters": {"approved": False, "rows": 12}}

    kept = world.store.get(answer_key(digest_of(world.messages[0]["token"])))
    assert kept["person"] == "Ada"
    assert make_sensor().step(context).start() == {"OutputParameters": {"approved": False, "rows": 12}}, "another try"


def test_a_person_fails_a_step_also_if_the_api_server_has_not_kept_it(
    make_sensor: Any, context: Any, world: World
) -> None:
    parked(make_sensor(), context)
    with pytest.raises(StepFailedError, match="Step Step: no"):
        make_sensor().step(context).resume(response(FAILURE, FailureReason="no"))


@pytest.mark.parametrize("form", [{}, {"approved": False, "rows": None}, {"approved": False, "rows": "a dozen"}])
def test_an_answer_that_is_of_no_use_opens_the_action_again_and_the_step_waits_on(
    make_sensor: Any, context: Any, world: World, form: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    parked(make_sensor(), context)
    with pytest.raises(DeferredError):
        make_sensor().step(context).resume(response(SUCCESS, **form))
    assert world.asked == 2
    assert "The answer of Ada does not count, it is not what the step declares" in caplog.text
    world.answer(world.messages[0]["token"], GOOD)
    assert make_sensor().step(context).resume({"answered": True}) == TYPED, "the token is still good"


def test_the_first_answer_counts_also_if_the_api_server_has_not_kept_a_later_one(
    make_sensor: Any, context: Any, world: World
) -> None:
    parked(make_sensor(), context)
    world.answer(world.messages[0]["token"], GOOD)
    assert make_sensor().step(context).resume(response(FAILURE, FailureReason="no")) == TYPED


def test_an_answer_that_nobody_has_kept_is_a_clear_error(make_sensor: Any, context: Any, world: World) -> None:
    parked(make_sensor(), context)
    with pytest.raises(StepError, match="neither the API server nor the triggerer has kept the answer: restart both"):
        make_sensor().step(context).resume({"answered": True})
    world.answer(world.messages[0]["token"], GOOD)
    assert make_sensor().step(context).resume({"answered": True}) == TYPED
