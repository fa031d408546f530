"""The Callback step's task, as the DAG has it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from airflow.sdk.exceptions import TaskDeferralTimeout

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.callbacks import step as callback_step
from airflow_sm_pipelines.callbacks.required_action import answer_form
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution import scope, step_run
from airflow_sm_pipelines.execution.scope import StepScope
from airflow_sm_pipelines.operators import step_course
from airflow_sm_pipelines.sensors.callback import CallbackSensor

STEP = {
    "Name": "Ask",
    "Type": "Callback",
    "Arguments": {"text": "{{ ds }}"},
    "SqsQueueUrl": {"Get": "Parameters.Url"},
    "OutputParameters": [
        {"OutputName": "name with space", "OutputType": "String"},
        {"OutputName": "rows", "OutputType": "Integer"},
        {"OutputName": "auc", "OutputType": "Float"},
        {"OutputName": "approved", "OutputType": "Boolean"},
    ],
}
URL = {"Name": "Url", "Type": "String", "DefaultValue": "https://sqs.eu-west-1.amazonaws.com/1/q"}


@pytest.fixture
def sensor(definition: Any) -> CallbackSensor:
    dag = pipeline_dag(definition(STEP, Parameters=[URL]), dag_id="dag", aws_conn_id=None)
    task = dag.get_task("Ask")
    assert isinstance(task, CallbackSensor)
    return task


class FakeStep:
    """Stands for `CallbackStep`."""

    calls: ClassVar[list[str]] = []

    def __init__(self, *_: Any) -> None:
        pass

    def start(self) -> dict[str, Any]:
        self.calls.append("start")
        return {"OutputParameters": {}}

    def resume(self, event: dict[str, Any]) -> dict[str, Any]:
        assert event == {"answered": True}
        self.calls.append("resume")
        return {"OutputParameters": {}}

    def time_out(self) -> dict[str, Any]:
        self.calls.append("time_out")
        return {"OutputParameters": {"late": True}}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(callback_step, "CallbackStep", FakeStep)
    monkeypatch.setattr(FakeStep, "calls", [])
    return FakeStep.calls


def test_airflow_shows_the_message_before_it_is_resolved(sensor: CallbackSensor) -> None:
    assert sensor.request.serialize() == {
        "QueueUrl": {"Get": "Parameters.Url"},
        "MessageBody": {"token": "<token>", "arguments": {"text": "{{ ds }}"}},
    }


def test_it_sends_then_resumes(sensor: CallbackSensor, calls: list[str], context: Any) -> None:
    assert sensor.execute(context) == {"OutputParameters": {}}
    assert sensor.resume_execution("resume", {"event": {"answered": True}}, context) == {"OutputParameters": {}}
    assert calls == ["start", "resume"]


def test_a_deferral_that_takes_too_long_gives_the_callback_up(
    sensor: CallbackSensor, calls: list[str], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(*_: Any, **__: Any) -> None:
        raise TaskDeferralTimeout

    monkeypatch.setattr(sensor, "resume", too_long)
    sensor.execution_timeout = timedelta(seconds=1)
    assert sensor.resume_execution("resume", {}, context) == {"OutputParameters": {"late": True}}
    assert calls == ["time_out"]


def test_on_kill_before_the_step_runs_does_nothing(sensor: CallbackSensor) -> None:
    sensor.on_kill()


def test_a_kill_during_the_gate_is_noticed_before_anything_is_sent(
    sensor: CallbackSensor, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(step_course, "pass_gate", lambda *_: sensor.on_kill())
    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    monkeypatch.setattr(callback_step, "send", lambda *call: sent.append(call))
    monkeypatch.setattr(StepScope, "_pipeline_arn", lambda _: "")
    monkeypatch.setattr(scope, "execution_arn", lambda *_: "arn")
    context["params"] = {"Url": URL["DefaultValue"]}

    with pytest.raises(StepError, match=r"its task was ended \(failed\); no message was sent"):
        sensor.execute(context)
    assert sent == []


def test_on_kill_wakes_the_waiting_step(sensor: CallbackSensor, calls: list[str], context: Any) -> None:
    sensor.execute(context)
    assert not sensor.kill_switch.is_flipped
    sensor.on_kill()
    assert sensor.kill_switch.is_flipped


def test_the_form_for_people_has_a_field_of_each_outputs_type(definition: Any) -> None:
    form = answer_form(load_pipeline(definition(STEP, Parameters=[URL])).step("Ask"))
    assert {name: field["schema"]["type"] for name, field in form.items()} == {
        "name with space": ["string", "null"],
        "rows": ["integer", "null"],
        "auc": ["number", "null"],
        "approved": ["boolean", "null"],
        "FailureReason": ["string", "null"],
    }
    given = {name: field["value"] for name, field in form.items() if field["value"] is not None}
    assert given == {"approved": False}, "what the form shows; else nothing is given that nobody has chosen"
