"""A Callback step's task in a world of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_sm_pipelines.callbacks import required_action
from airflow_sm_pipelines.callbacks import step as callback_step
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import scope, step_run
from airflow_sm_pipelines.execution.scope import StepScope
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from tests.callbacks.stand_ins import ARN, OUTPUTS, URL, FakeSensor, World, use_key


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
