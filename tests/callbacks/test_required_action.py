"""The required action of a Callback step."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.callbacks.queue import CallbackMessage
from airflow_sm_pipelines.callbacks.required_action import ask_people
from airflow_sm_pipelines.definition.loading import load_pipeline

TOKEN = "26vcYbeWsZ"
STEP = {
    "Name": "Ask",
    "Type": "Callback",
    "DisplayName": "Ask the reviewer",
    "Description": "Look at the report.",
    "Arguments": {},
    "SqsQueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q",
    "OutputParameters": [{"OutputName": "FailureReason", "OutputType": "String"}],
}


@pytest.fixture
def asked(definition: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from airflow.sdk.execution_time import hitl

    asked: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **request: asked.update(request))
    message = CallbackMessage("https://queue", TOKEN, "arn", {"rows": 3, "password": "hidden", "text": "`{{ ds }}`"})
    ask_people("the id", load_pipeline(definition(STEP)).step("Ask"), message)
    return asked


def test_a_person_sees_what_a_handler_sees_but_no_token_and_no_secrets(asked: dict[str, Any]) -> None:
    assert asked["ti_id"] == "the id"
    assert asked["options"] == ["Success", "Failure"]
    assert asked["subject"] == "Ask the reviewer waits for an answer"
    assert "Look at the report." in asked["body"]
    assert "https://queue" in asked["body"]
    assert '"rows": 3' in asked["body"]
    assert "`{{ ds }}`" in asked["body"]
    assert TOKEN not in asked["body"]
    assert "hidden" not in asked["body"]


def test_an_output_may_be_named_like_the_reason(asked: dict[str, Any]) -> None:
    assert set(asked["params"]) == {"FailureReason"}
