"""The trigger of a waiting Callback step."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from cryptography.fernet import Fernet

from airflow_sm_pipelines.callbacks import queue
from airflow_sm_pipelines.callbacks import trigger as callback_trigger
from airflow_sm_pipelines.callbacks.attempts import trace_key
from airflow_sm_pipelines.callbacks.queue import CallbackMessage, seal
from airflow_sm_pipelines.callbacks.rules import digest_of
from airflow_sm_pipelines.callbacks.trigger import CallbackTrigger
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution import triggers
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from airflow_sm_pipelines.semantics.ownership import ABSENT

TOKEN = "26vcYbeWsZ"
URL = "https://sqs.us-east-2.amazonaws.com/123456789012/Queue"
ARN = "arn:aws:sagemaker:us-east-2:123456789012:pipeline/Pipe/execution/abcdef012345"


class Airflow:
    """What Airflow and SQS say and hear.

    Attributes:
        answered_at: Number of the look at which the required action is answered; ``None`` for never.
        states: The task's states, one for each question; the last one stays.
        sent: Bodies of the messages.
        pauses: How long the trigger slept.
        refusals: What the next calls of SQS raise.
    """

    def __init__(self) -> None:
        self.answered_at: int | None = None
        self.looks = 0
        self.states: list[str | None] = ["deferred"]
        self.sent: list[dict[str, Any]] = []
        self.regions: list[str | None] = []
        self.pauses: list[float] = []
        self.variables: dict[str, str] = {}
        self.gone = False
        self.refusals: list[Exception] = []

    def action(self, ti_id: Any) -> Any:
        assert ti_id == "the id of the try"
        self.looks += 1
        if self.gone:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404}))
        if self.looks != self.answered_at:
            return SimpleNamespace(response_received=False)
        user = SimpleNamespace(id="7", name="Ada")
        response = {"chosen_options": ["Success"], "params_input": {"rows": 12}, "responded_by_user": user}
        return SimpleNamespace(response_received=True, **response)

    def state(self, *_: Any) -> str | None:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def send_message(self, **request: Any) -> dict[str, str]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append(json.loads(request["MessageBody"]))
        return {"MessageId": "id"}

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        assert len(self.pauses) < 100, "never ends"


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    from airflow.sdk import Variable
    from airflow.sdk.execution_time import hitl

    airflow, fernet = Airflow(), Fernet(Fernet.generate_key())
    monkeypatch.setattr(queue, "_fernet", lambda: fernet)
    monkeypatch.setattr(hitl, "get_hitl_detail_content_detail", airflow.action)
    monkeypatch.setattr(triggers, "task_state_at_once", airflow.state)
    monkeypatch.setattr(callback_trigger.asyncio, "sleep", airflow.sleep)

    def client(connection: AwsConnection, service: str) -> Airflow:
        assert service == "sqs"
        airflow.regions.append(connection.region_name)
        return airflow

    monkeypatch.setattr(AwsConnection, "client", client)
    monkeypatch.setattr(Variable, "set", lambda key, value, description: airflow.variables.update({key: value}))
    return airflow


@pytest.fixture
def trigger(airflow: Airflow) -> CallbackTrigger:
    trigger = CallbackTrigger(
        sealed=seal(CallbackMessage(URL, TOKEN, ARN, {"n": 1})),
        digest=digest_of(TOKEN),
        connection=AwsConnection(None, "eu-west-1").as_arguments(),
        poll_interval=30.0,
    )
    ti: Any = SimpleNamespace(id="the id of the try", dag_id="dag", run_id="run", task_id="Step", map_index=-1)
    trigger._task_instance = ti
    return trigger


def events_of(trigger: CallbackTrigger) -> list[Any]:
    async def collect() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    return asyncio.run(collect())


def test_it_comes_back_from_what_airflow_stores_without_the_token(trigger: CallbackTrigger) -> None:
    path, arguments = trigger.serialize()
    stored = json.dumps(arguments)
    assert path == "airflow_sm_pipelines.callbacks.trigger.CallbackTrigger"
    assert CallbackTrigger(**json.loads(stored)).serialize() == trigger.serialize()
    assert TOKEN not in stored


def test_it_is_quiet_at_first_and_looks_until_somebody_has_answered(trigger: CallbackTrigger, airflow: Airflow) -> None:
    airflow.answered_at = 3
    (event,) = events_of(trigger)
    response = {"chosen_options": ["Success"], "params_input": {"rows": 12}}
    assert event == {"answered": True, **response, "responded_by_user": {"id": "7", "name": "Ada"}}
    assert airflow.pauses[0] == QUIET_SECONDS
    assert len(airflow.pauses) == 3
    assert all(30 <= pause <= 33 for pause in airflow.pauses[1:])


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed"])
def test_ending_the_task_says_stopping(trigger: CallbackTrigger, airflow: Airflow, state: str) -> None:
    airflow.states = [state]
    asyncio.run(trigger.on_kill())
    (message,) = airflow.sent
    assert message == {"token": TOKEN, "pipelineExecutionArn": ARN, "arguments": {"n": 1}, "status": "Stopping"}
    assert airflow.regions == ["us-east-2"], "the queue's region, not the connection's"
    assert airflow.variables == {}


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "running"])
def test_a_trigger_that_merely_moves_says_nothing(trigger: CallbackTrigger, airflow: Airflow, state: str) -> None:
    airflow.states = [state]
    asyncio.run(trigger.on_kill())
    assert airflow.sent == []


def test_a_cleared_task_is_left_to_its_new_try(trigger: CallbackTrigger, airflow: Airflow) -> None:
    airflow.states = [None, "scheduled", "queued", "running"]
    asyncio.run(trigger.on_kill())
    assert airflow.sent == []


def test_a_cleared_task_without_a_new_try_says_stopping_after_a_while(
    trigger: CallbackTrigger, airflow: Airflow
) -> None:
    airflow.states = [None]
    asyncio.run(trigger.on_kill())
    assert [message["status"] for message in airflow.sent] == ["Stopping"]
    assert sum(airflow.pauses) == 20


def test_a_new_try_that_is_skipped_in_its_gate_says_stopping(trigger: CallbackTrigger, airflow: Airflow) -> None:
    airflow.states = ["queued", "running", "running", "skipped"]
    asyncio.run(trigger.on_kill())
    assert [message["status"] for message in airflow.sent] == ["Stopping"]


def test_a_new_try_that_goes_on_running_has_taken_over(trigger: CallbackTrigger, airflow: Airflow) -> None:
    airflow.states = ["running"]
    asyncio.run(trigger.on_kill())
    assert airflow.sent == []
    assert sum(airflow.pauses) == 20


def test_a_busy_queue_is_told_again_that_nobody_waits(
    trigger: CallbackTrigger, airflow: Airflow, client_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow.states, airflow.refusals = ["failed"], [client_error("RequestThrottled", "slow")] * 5
    warnings: list[str] = []
    monkeypatch.setattr(trigger.log, "warning", lambda text, *values: warnings.append(text % values))
    asyncio.run(trigger.on_kill())
    assert [message["status"] for message in airflow.sent] == ["Stopping"]
    assert len(airflow.pauses) == 5
    assert all(wait <= pause <= wait * 1.1 for wait, pause in zip((2, 4, 8, 16, 32), airflow.pauses, strict=True))
    told = "Cannot send the message Stopping yet, will try again: AWS refused SendMessage: RequestThrottled: slow"
    assert warnings == [told] * 5


@pytest.mark.parametrize(("code", "tries"), [("RequestThrottled", 6), ("AccessDenied", 1)])
def test_a_queue_that_stays_busy_or_refuses_is_an_error(
    trigger: CallbackTrigger, airflow: Airflow, client_error: Any, code: str, tries: int
) -> None:
    airflow.states, airflow.refusals = ["failed"], [client_error(code)] * 9
    with pytest.raises(AwsCallError, match=code):
        asyncio.run(trigger.on_kill())
    assert len(airflow.refusals) == 9 - tries


def test_an_answered_task_that_has_ended_says_nothing(trigger: CallbackTrigger, airflow: Airflow) -> None:
    airflow.answered_at, airflow.states = 1, ["success"]
    asyncio.run(trigger.on_kill())
    assert airflow.sent == []


def test_of_a_deleted_run_a_trace_is_left_for_late_answers(trigger: CallbackTrigger, airflow: Airflow) -> None:
    airflow.gone, airflow.states = True, [ABSENT]
    asyncio.run(trigger.on_kill())
    assert [message["status"] for message in airflow.sent] == ["Stopping"]
    assert airflow.variables == {trace_key(digest_of(TOKEN)): ARN}
