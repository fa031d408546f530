"""One try of a Callback step's task: what it sends, crashes at every point, a clear, the cache."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError
from cryptography.fernet import Fernet

from airflow_sm_pipelines.callbacks import queue
from airflow_sm_pipelines.callbacks.attempts import token_key
from airflow_sm_pipelines.callbacks.rules import digest_of
from airflow_sm_pipelines.errors import (
    StepError,
    StepFailedError,
    UndefinedReferenceError,
)
from airflow_sm_pipelines.execution.records import RECORD_KEY
from tests.callbacks.stand_ins import (
    ARN,
    GOOD,
    OUTPUTS,
    TYPED,
    CrashError,
    DeferredError,
    FakeSensor,
    World,
    parked,
    use_key,
)
from tests.conftest import FakeStore

# -- the message -------------------------------------------------------------------------------------------------------


def test_the_attempt_is_durable_and_people_are_asked_before_the_message_is_sent(
    make_sensor: Any, context: Any, world: World
) -> None:
    parked(make_sensor(), context)
    assert world.effects == [RECORD_KEY, "sm_pipelines_callback", "ask", "send", RECORD_KEY]


def test_the_message_holds_the_resolved_arguments(make_sensor: Any, context: Any, world: World) -> None:
    sensor = make_sensor()
    parked(sensor, context)
    (message,) = world.messages
    assert message["arguments"]["number"] == 5
    assert message["pipelineExecutionArn"] == ARN
    token = {"pipelineExecutionArn": ARN, "step": "Step", "outputs": OUTPUTS}
    assert world.store.get(token_key(digest_of(message["token"]))) == token
    assert sensor.request["MessageBody"] == {**message, "token": "<token>"}


@pytest.mark.parametrize(
    "arguments", [{}, {"none": None, "braces": "{{ ds }}", "deep": [[{"Get": "Parameters.Number"}]]}]
)
def test_the_arguments_may_be_any_json(make_sensor: Any, context: Any, world: World, arguments: Any) -> None:
    parked(make_sensor(Arguments=arguments), context)
    expected = json.loads(json.dumps(arguments).replace('{"Get": "Parameters.Number"}', "5"))
    assert world.messages[0]["arguments"] == expected


def test_the_token_is_masked_in_the_log_before_it_is_sent_and_after_a_resume(
    make_sensor: Any, context: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import log

    masked: list[str] = []
    monkeypatch.setattr(log, "mask_secret", masked.append)
    send = world.send_message
    monkeypatch.setattr(world, "send_message", lambda **request: world.masked.extend(masked) or send(**request))
    parked(make_sensor(), context)
    (message,) = world.messages
    assert world.masked == [message["token"]]

    masked.clear()
    with pytest.raises(DeferredError):
        make_sensor().step(context).resume({})
    assert masked == [message["token"]], "another process"


def test_a_queue_that_is_no_text_is_a_clear_error(make_sensor: Any, context: Any, world: World) -> None:
    sensor = make_sensor(SqsQueueUrl={"Get": "Parameters.Number"})
    with pytest.raises(StepError, match="SqsQueueUrl: must be the URL of a queue, but is 5"):
        sensor.step(context).start()
    context["params"] = {}
    with pytest.raises(UndefinedReferenceError, match="SqsQueueUrl"):
        sensor.step(context).start()
    assert world.effects == []


def test_without_a_fernet_key_no_token_is_drawn(
    make_sensor: Any, context: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> NoReturn:
        raise queue.NoSealError("[core] fernet_key is empty")

    monkeypatch.setattr(queue, "_fernet", refuse)
    with pytest.raises(StepError, match="fernet_key is empty"):
        make_sensor().step(context).start()
    assert world.effects == []


def test_a_refusal_of_the_queue_has_its_retry_type_and_keeps_the_token(
    make_sensor: Any, context: Any, world: World
) -> None:
    answer = {"Error": {"Code": "RequestThrottled", "Message": "slow"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    world.error = ClientError(answer, "SendMessage")  # type: ignore[arg-type]
    with pytest.raises(StepFailedError) as caught:
        make_sensor().step(context).start()
    assert caught.value.exception_type == "Step.THROTTLING"
    digest = world.get(RECORD_KEY)["digest"]

    world.error = None
    parked(make_sensor(), context)
    assert digest_of(world.messages[0]["token"]) == digest


def test_a_state_store_that_the_api_server_cannot_read_is_refused(
    make_sensor: Any, context: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKERS__STATE_STORE_BACKEND", "some.Backend")
    with pytest.raises(StepError, match=r"state_store_backend is some\.Backend"):
        make_sensor().step(context).start()
    assert world.effects == []


def test_the_record_of_a_step_that_was_of_another_type_is_no_attempt(
    make_sensor: Any, context: Any, world: World
) -> None:
    world.store.set(RECORD_KEY, {"epoch": "3/3", "token": "t", "failures": 0, "name": "job"})
    parked(make_sensor(), context)
    assert world.statuses() == ["Executing"]


# -- crashes -----------------------------------------------------------------------------------------------------------

EFFECTS = 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(EFFECTS))
def test_wherever_a_worker_dies_one_token_is_live_and_its_answer_counts(
    make_sensor: Any, context: Any, world: World, number: int, after: bool
) -> None:
    world.dies_at = (number, after)
    with pytest.raises(CrashError):
        make_sensor().step(context).start()
    world.dies_at = None
    before = list(world.messages)
    parked(make_sensor(), context)

    messages = {json.dumps(message, sort_keys=True) for message in world.messages}
    assert len(messages) == 1, "the very same message, also what it says of the time"
    assert world.statuses() == ["Executing"] * len(world.messages)
    assert len(world.messages) <= len(before) + 1
    token = world.messages[0]["token"]
    assert world.get(RECORD_KEY)["digest"] == digest_of(token)
    assert token_key(digest_of(token)) in world.store.texts
    assert world.asked

    world.answer(token, GOOD)
    assert make_sensor().step(context).resume({}) == TYPED


def test_an_answer_between_two_tries_is_used_and_nothing_is_sent_again(
    make_sensor: Any, context: Any, world: World
) -> None:
    world.dies_at = (3, True)
    with pytest.raises(CrashError):
        make_sensor().step(context).start()
    world.answer(world.messages[0]["token"], GOOD)
    world.dies_at = None

    assert make_sensor().step(context).start() == TYPED
    assert len(world.messages) == 1


def test_a_worker_with_another_key_gives_the_token_up(
    make_sensor: Any, context: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked(make_sensor(), context)
    use_key(monkeypatch, Fernet.generate_key())
    parked(make_sensor(), context)
    old, new = (message["token"] for message in world.messages)
    assert old != new
    assert world.get(RECORD_KEY)["digest"] == digest_of(new), "only the new one is live"


# -- clear -------------------------------------------------------------------------------------------------------------


def test_a_cleared_task_says_stopping_for_the_old_token_and_draws_another(
    make_sensor: Any, context: Any, world: World, ti: Any
) -> None:
    parked(make_sensor(), context)
    ti.max_tries += 1
    parked(make_sensor(), context)

    old, stopping, new = world.messages
    assert stopping == {**old, "status": "Stopping"}
    assert new["token"] != old["token"]
    assert new["status"] == "Executing"


def test_a_cleared_task_that_was_answered_says_nothing_of_the_old_token(
    make_sensor: Any, context: Any, world: World, ti: Any
) -> None:
    parked(make_sensor(), context)
    world.answer(world.messages[0]["token"], GOOD)
    make_sensor().step(context).resume({})
    ti.max_tries += 1
    parked(make_sensor(), context)
    assert world.statuses() == ["Executing", "Executing"]


# -- the cache: only when CacheConfig asks for it ----------------------------------------------------------------------

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}, "Arguments": {"number": {"Get": "Parameters.Number"}}}


def answered(sensor: FakeSensor, context: Any, world: World, run_id: str) -> Any:
    """Run a step of a run of its own to its end, with an answer if it asks."""
    context["ti"].run_id = run_id
    world.store = FakeStore()
    asked = len(world.messages)
    try:
        return sensor.step(context).start()
    except DeferredError:
        assert len(world.messages) == asked + 1
        world.answer(world.messages[-1]["token"], GOOD)
        return sensor.step(context).resume({})


def test_nobody_is_asked_again_if_the_step_is_cached(
    make_sensor: Any, context: Any, world: World, variables: dict[str, str]
) -> None:
    assert answered(make_sensor(**CACHED), context, world, "first") == TYPED
    second = make_sensor(**CACHED)
    assert answered(second, context, world, "second") == TYPED
    assert len(world.messages) == 1
    assert world.asked == 1
    [told] = [json.loads(text) for (_, key), text in context["ti"].xcoms.items() if key == "sm_pipelines_cache"]
    assert (told["outcome"], told["run_id"], second.reuses) == ("hit", "first", True)


def test_people_are_asked_again_for_another_message(
    make_sensor: Any, context: Any, world: World, variables: dict[str, str]
) -> None:
    answered(make_sensor(**CACHED), context, world, "first")
    sensor = make_sensor(**CACHED)
    context["params"]["Number"] = 6
    answered(sensor, context, world, "second")
    assert len(world.messages) == 2


def test_a_step_that_has_asked_goes_on_asking(
    make_sensor: Any, context: Any, world: World, variables: dict[str, str]
) -> None:
    """Another run was answered meanwhile, but the token of this one was drawn, and may be answered any time."""
    context["ti"].run_id = "slow"
    parked(make_sensor(**CACHED), context)
    slow = world.store
    answered(make_sensor(**CACHED), context, world, "quick")

    context["ti"].run_id, world.store = "slow", slow
    parked(make_sensor(**CACHED), context)
    assert len(world.messages) == 2, "the same message is not sent again"


def test_an_answer_counts_for_one_run_if_the_step_is_not_cached(
    make_sensor: Any, context: Any, world: World, variables: dict[str, str]
) -> None:
    for run_id in ("first", "second"):
        answered(make_sensor(Arguments={}), context, world, run_id)
    assert len(world.messages) == 2
    assert variables == {}
