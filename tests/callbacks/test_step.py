"""One try of a Callback step's task: crashes at every point, answers in every form, all the ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from botocore.exceptions import ClientError
from cryptography.fernet import Fernet

from airflow_sm_pipelines.callbacks import queue, required_action
from airflow_sm_pipelines.callbacks import step as callback_step
from airflow_sm_pipelines.callbacks.attempts import CallbackBook, answer_key, token_key
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer, digest_of
from airflow_sm_pipelines.callbacks.step import CallbackStep
from airflow_sm_pipelines.callbacks.trigger import CallbackTrigger
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import (
    StepError,
    StepFailedError,
    StepInterruptedError,
    StepTimeoutError,
    UndefinedReferenceError,
)
from airflow_sm_pipelines.execution import scope, step_run
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.scope import StepScope
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.step_run import StepRun, WaitingTask
from airflow_sm_pipelines.execution.xcoms import read_status
from airflow_sm_pipelines.operators.unresolved_request import UnresolvedRequest
from airflow_sm_pipelines.semantics.readiness import StepStatus
from tests.conftest import FakeStore

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/Queue"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Pipe/execution/abcdef012345"
OUTPUTS = [
    {"OutputName": "approved", "OutputType": "Boolean"},
    {"OutputName": "rows", "OutputType": "Integer"},
]
GOOD = Answer(SUCCESS, {"approved": "true", "rows": "12"})
TYPED = {"OutputParameters": {"approved": True, "rows": 12}}


class CrashError(BaseException):
    """The worker dies."""


class DeferredError(Exception):
    def __init__(self, trigger: CallbackTrigger, method_name: str, timeout: timedelta | None) -> None:
        self.trigger, self.method_name, self.timeout = trigger, method_name, timeout


@dataclass
class World:
    """What outlives a worker, and what it does to the rest of the world; dies at an effect if told to.

    Attributes:
        messages: The bodies in the queue.
        asked: How often people were asked.
        probed: For each look whether the API server serves the endpoint: whether the step can be deferred.
        masked: What was masked in the log when a message was sent.
        effects: What was done, in order.
        dies_at: Number of the effect before (``False``) or after (``True``) which the worker dies.
    """

    store: FakeStore = field(default_factory=FakeStore)
    messages: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    probed: list[bool] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    dies_at: tuple[int, bool] | None = None
    error: Exception | None = None
    region: str | None = None

    def effect(self, name: str, do: Callable[[], Any]) -> Any:
        number = len(self.effects)
        self.effects.append(name)
        if self.dies_at == (number, False):
            raise CrashError
        result = do()
        if self.dies_at == (number, True):
            raise CrashError
        return result

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        assert retention == timedelta.max, "an answer may take longer than any default"
        self.effect(key.partition(":")[0], lambda: self.store.set(key, value))

    def get(self, key: str) -> Any:
        return self.store.get(key)

    def send_message(self, **request: Any) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        assert request["QueueUrl"] == URL
        self.effect("send", lambda: self.messages.append(json.loads(request["MessageBody"])))
        return {"MessageId": "id"}

    def ask(self, *_: Any, **__: Any) -> None:
        def ask() -> None:
            self.asked += 1

        self.effect("ask", ask)

    def statuses(self) -> list[str]:
        return [message["status"] for message in self.messages]

    def answer(self, token: str, answer: Answer) -> None:
        self.store.set(answer_key(digest_of(token)), answer.as_json())


class FakeSwitch(KillSwitch):
    """The switch that ``on_kill`` flips: waiting takes no time, and may do something."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.flipped_at_wait: int | None = None
        self.at_wait: Callable[[int], None] = lambda _: None

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        assert len(self.waits) < 500, "never ends"
        self.at_wait(len(self.waits))
        return len(self.waits) == self.flipped_at_wait


@dataclass
class FakeSensor:
    plan: StepPlan
    settings: PipelineRunSettings
    connection: Any
    request: Any = field(default_factory=lambda: UnresolvedRequest({}))
    source: str = ""
    kill_switch: Any = field(default_factory=FakeSwitch)
    waiting: Waiting = field(default_factory=lambda: Waiting(poll_interval=5, settle=1))
    execution_timeout: timedelta | None = None
    log: Any = field(default_factory=lambda: logging.getLogger("callback"))

    def step(self, context: Any, *now: Callable[[], datetime]) -> CallbackStep:
        """A try of the task."""
        task = WaitingTask(
            waiting=self.waiting,
            defer=self.defer,
            timeout=self.execution_timeout,
            show_request=partial(setattr, self, "request"),
            show_source=partial(setattr, self, "source"),
        )
        run = StepRun(self.plan, self.settings, self.connection, context, self.log, self.kill_switch)
        return CallbackStep(task, run, *now)

    def defer(self, *, trigger: CallbackTrigger, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        raise DeferredError(trigger, method_name, timeout)


@pytest.fixture
def world(context: Any, connection: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    context["task_state_store"] = world
    context["ti"].id = "the id of the try"
    connection.clients["sqs"] = world
    connection.region_name = "eu-west-1"
    monkeypatch.setattr(callback_step, "ask_people", world.ask)
    monkeypatch.setattr(required_action, "open_required_action", world.ask)
    monkeypatch.setattr(callback_step, "warn_if_unserved", lambda _log, *, deferrable: world.probed.append(deferrable))
    monkeypatch.setattr(StepScope, "_pipeline_arn", lambda _: "")
    monkeypatch.setattr(scope, "execution_arn", lambda *_: ARN)
    use_key(monkeypatch, Fernet.generate_key())
    yield world
    tokens = {message["token"] for message in world.messages}
    written = json.dumps(world.store.texts)
    assert not [token for token in tokens if token in written], "the token is stored sealed only"


def use_key(monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    fernet: Any = Fernet(key)
    fernet.is_encrypted = True
    monkeypatch.setattr(queue, "_fernet", lambda: fernet)


@pytest.fixture
def make_sensor(definition: Any, connection: Any, context: Any) -> Callable[..., FakeSensor]:
    def make(**members: Any) -> FakeSensor:
        step = {
            "Name": "Step",
            "Type": "Callback",
            "Arguments": {"number": {"Get": "Parameters.Number"}, "now": {"Get": "Execution.CurrentDateTime"}},
            "SqsQueueUrl": {"Get": "Parameters.Url"},
            "OutputParameters": OUTPUTS,
            **members,
        }
        parameters = [{"Name": "Number", "Type": "Integer", "DefaultValue": 5}, {"Name": "Url", "Type": "String"}]
        pipeline = load_pipeline(definition(step, Parameters=parameters))
        context["params"] = {"Number": 5, "Url": URL}
        return FakeSensor(pipeline.plans[0], PipelineRunSettings(pipeline, "Pipe", {"Step": "Step"}), connection)

    return make


@pytest.fixture
def task_state(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    answer: dict[str, str | None] = {"state": "running"}
    monkeypatch.setattr(step_run, "task_state", lambda *_: answer["state"])
    return answer


def parked(sensor: FakeSensor, context: Any) -> DeferredError:
    with pytest.raises(DeferredError) as caught:
        sensor.step(context).start()
    return caught.value


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
    assert second.source == "first"


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
