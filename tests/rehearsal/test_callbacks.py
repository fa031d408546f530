"""Callback steps in a rehearsal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks import queue, reception
from airflow_sm_pipelines.callbacks.queue import CallbackMessage
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.callbacks import answer_of, callbacks_answered, planned_answer
from airflow_sm_pipelines.rehearsal.outcomes import OutcomeError, chosen_outcomes
from airflow_sm_pipelines.rehearsal.rehearsals import prepare
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome

DEFINITION = Path(__file__).parents[1] / "integration" / "definitions" / "callback.json"


def test_a_callback_is_answered_with_outputs_of_the_declared_types() -> None:
    scenario = prepare(load_pipeline(DEFINITION), DEFINITION).scenario
    assert answer_of(scenario.callback_answers()["Measure"]) == Answer(SUCCESS, {"rows": 1, "mean": 1.0})


def test_a_value_is_chosen_by_the_user() -> None:
    chosen = {"Measure.OutputParameters.rows": 99}
    scenario = prepare(load_pipeline(DEFINITION), DEFINITION, values=chosen).scenario
    assert scenario.callback_answers()["Measure"]["outputs"]["rows"] == 99


def test_a_failure_is_chosen_by_the_user() -> None:
    scenario = prepare(load_pipeline(DEFINITION), DEFINITION, outcomes={"Measure": "failed:nobody there"}).scenario
    assert answer_of(scenario.callback_answers()["Measure"]) == Answer(FAILURE, reason="nobody there")
    assert answer_of(planned_answer({"rows": 1}, Outcome())) == Answer(SUCCESS, {"rows": 1})


def test_a_callback_cannot_be_stopped() -> None:
    with pytest.raises(OutcomeError, match="cannot be stopped"):
        chosen_outcomes(load_pipeline(DEFINITION), {"Measure": "stopped"})


def test_each_message_is_sent_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Any] = []
    monkeypatch.setattr(queue, "call", lambda *_: events.append("sent") or {"MessageId": "id"})
    monkeypatch.setattr(reception, "step_of_token", {"t1": "A", "t2": "B"}.get)
    monkeypatch.setattr(reception, "take_answer", lambda token, answer: events.append((token, answer)))

    with callbacks_answered({"A": planned_answer({}, Outcome(failure_reason="no"))}):
        for token in ("t1", "t2"):
            assert queue.send(None, CallbackMessage("q", token, "", None), "Executing", "digest") == "id"
        queue.send(None, CallbackMessage("q", "t1", "", None), "Stopping", "digest")
    queue.send(None, CallbackMessage("q", "t1", "", None), "Executing", "digest")

    answered = ["sent", ("t1", Answer(FAILURE, reason="no")), "sent", ("t2", Answer(SUCCESS))]
    assert events == [*answered, "sent", "sent"], "nobody answers a Stopping, nor a message after the rehearsal"
