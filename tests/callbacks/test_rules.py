"""The rules of tokens and answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks.rules import (
    FAILURE,
    REASON,
    SUCCESS,
    Answer,
    Reception,
    answer_of_person,
    answered_outputs,
    digest_of,
    is_waiting,
    new_callback_token,
    receive,
)
from airflow_sm_pipelines.execution.identity import Epoch
from airflow_sm_pipelines.execution.records import CallbackAttempt
from airflow_sm_pipelines.semantics.output_parameters import OutputParametersError

DIGEST = digest_of("0123456789")
ATTEMPT = CallbackAttempt(Epoch(4, 3), DIGEST)
ADA = {"id": "7", "name": "Ada"}


def test_a_token_has_the_form_that_the_api_demands() -> None:
    tokens = {new_callback_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch("[a-zA-Z0-9]{10}", token) for token in tokens)
    assert len(set("".join(tokens))) == 62, "the whole alphabet"


def test_the_digest_is_the_sha256() -> None:
    assert DIGEST == "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"


@pytest.mark.parametrize(
    ("earlier", "waiting", "reception"),
    [
        (None, True, Reception.TAKEN),
        (None, False, Reception.LATE),
        (Answer(SUCCESS, {"x": "1"}), True, Reception.SAME),
        (Answer(SUCCESS, {"x": "1"}, person="Ada"), False, Reception.SAME),
        (Answer(SUCCESS, {"x": 1}, person="Ada"), True, Reception.SAME),
        (Answer(SUCCESS, {"x": True}, person="Ada"), True, Reception.CONFLICT),
        (Answer(SUCCESS, {"x": "2"}), True, Reception.CONFLICT),
        (Answer(SUCCESS), False, Reception.CONFLICT),
        (Answer(FAILURE, reason="no"), True, Reception.CONFLICT),
    ],
)
def test_the_first_answer_stays(earlier: Answer | None, waiting: bool, reception: Reception) -> None:
    assert receive(Answer(SUCCESS, {"x": "1"}), earlier, waiting=waiting) is reception


def test_failures_are_the_same_by_their_reason() -> None:
    assert receive(Answer(FAILURE, reason="a"), Answer(FAILURE, reason="a"), waiting=True) is Reception.SAME
    assert receive(Answer(FAILURE, reason="a"), Answer(FAILURE, reason="b"), waiting=True) is Reception.CONFLICT


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "running", "deferred", "up_for_retry"])
def test_a_task_that_has_not_ended_waits(state: str | None) -> None:
    assert is_waiting(state, 4, ATTEMPT, DIGEST)


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "removed", "upstream_failed"])
def test_a_task_that_has_ended_does_not_wait(state: str) -> None:
    assert not is_waiting(state, 4, ATTEMPT, DIGEST)


@pytest.mark.parametrize(
    ("max_tries", "attempt"),
    [
        (5, ATTEMPT),  # a clear
        (4, replace(ATTEMPT, closed=True)),  # the attempt has failed
        (4, replace(ATTEMPT, digest="other")),  # another attempt has drawn another token
        (4, None),  # nothing is known of it any more
    ],
)
def test_only_the_present_attempt_waits(max_tries: int, attempt: Any) -> None:
    assert not is_waiting("running", max_tries, attempt, DIGEST)


def test_an_answer_comes_back_from_what_is_stored() -> None:
    answer = Answer(SUCCESS, {"a": [1, None], "b": True}, person="Ada")
    assert Answer(**json.loads(json.dumps(answer.as_json()))) == answer


def test_fields_that_a_person_left_empty_are_no_outputs() -> None:
    form = {"rows": 3, "where": None, REASON: None}
    assert answer_of_person([SUCCESS], form, ADA) == Answer(SUCCESS, {"rows": 3}, person="Ada")


def test_a_person_fails_a_step_with_a_reason() -> None:
    form = {"rows": 3, REASON: "no"}
    assert answer_of_person([FAILURE], form, ADA) == Answer(FAILURE, reason="no", person="Ada")
    assert answer_of_person([FAILURE], {}, ADA).reason == ""


def test_a_form_may_have_the_reason_beside_the_outputs_and_the_api_may_not() -> None:
    declared = [{"OutputName": "rows", "OutputType": "Integer"}]
    outputs = {"rows": "3", REASON: "none"}
    assert answered_outputs(declared, Answer(SUCCESS, outputs, person="Ada")) == {"rows": 3}
    with pytest.raises(OutputParametersError, match="it has 'FailureReason', and the step declares 'rows'"):
        answered_outputs(declared, Answer(SUCCESS, outputs))
