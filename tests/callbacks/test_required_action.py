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
    "OutputParameters": [
        {"OutputName": "approved", "OutputType": "Boolean"},
        {"OutputName": "rows", "OutputType": "Integer"},
        {"OutputName": "FailureReason", "OutputType": "String"},
    ],
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
    assert set(asked["params"]) == {"approved", "rows", "FailureReason"}


def test_what_the_form_shows_of_a_boolean_is_what_it_sends(asked: dict[str, Any]) -> None:
    """Airflow's form shows a Boolean without a value as "off", and sends the value of each field, touched or not."""
    assert asked["params"]["approved"]["value"] is False
    assert asked["params"]["rows"]["value"] is None, "of an empty field one sees that it is empty"


def test_no_field_is_required_so_that_a_person_can_fail_the_step(asked: dict[str, Any]) -> None:
    assert all("null" in field["schema"]["type"] for field in asked["params"].values())
    assert "Success needs every output" in asked["body"]
