"""What is stored: read and written by this version, by the one before, and by the one after."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_sm_pipelines.execution.identity import Epoch
from airflow_sm_pipelines.execution.records import (
    Attempt,
    CallbackAttempt,
    InvocationAttempt,
    InvocationOutputs,
    RetryCounts,
    UnknownAttempt,
    as_stored,
    read_attempt,
    read_record,
)

EPOCH = Epoch(3, 2)
OPENED = "2026-01-02T03:04:05+00:00"
JOB = Attempt(EPOCH, "abcd", 1, "pipelines-x-Train-abcd-1", "arn", OPENED, closed=True, submitted_at=OPENED)
INVOCATION = InvocationAttempt(EPOCH, "abcd", 0, "pipelines-x-Call-abcd-0", opened_at=OPENED, submitted_at=OPENED)
CALLBACK = CallbackAttempt(EPOCH, "d" * 64, "sealed", OPENED, sent_at=OPENED)
ATTEMPTS = [JOB, INVOCATION, CALLBACK]

# As version 0.1 wrote and reads them: without a tag, and the epoch as text.
WITHOUT_TAG: list[tuple[Any, dict[str, Any]]] = [
    (
        JOB,
        {
            "epoch": "3/2",
            "token": "abcd",
            "failures": 1,
            "name": "pipelines-x-Train-abcd-1",
            "reference": "arn",
            "opened_at": OPENED,
            "closed": True,
            "submitted_at": OPENED,
        },
    ),
    (
        INVOCATION,
        {
            "epoch": "3/2",
            "token": "abcd",
            "failures": 0,
            "name": "pipelines-x-Call-abcd-0",
            "reference": "",
            "opened_at": OPENED,
            "closed": False,
            "submitted_at": OPENED,
        },
    ),
    (
        CALLBACK,
        {
            "epoch": "3/2",
            "digest": "d" * 64,
            "sealed": "sealed",
            "opened_at": OPENED,
            "sent_at": OPENED,
            "closed": False,
        },
    ),
]


def through_json(record: object) -> Any:
    return json.loads(json.dumps(as_stored(record)))


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.type)
def test_an_attempt_comes_back_from_what_is_stored(attempt: Any) -> None:
    assert read_attempt(through_json(attempt)) == attempt


@pytest.mark.parametrize(("attempt", "stored"), WITHOUT_TAG, ids=lambda one: getattr(one, "type", ""))
def test_a_record_from_before_the_tag_is_read_by_its_shape(attempt: Any, stored: dict[str, Any]) -> None:
    assert read_attempt(stored) == attempt


@pytest.mark.parametrize(("attempt", "stored"), WITHOUT_TAG, ids=lambda one: getattr(one, "type", ""))
def test_the_version_before_the_tag_can_read_what_is_written(attempt: Any, stored: dict[str, Any]) -> None:
    """It takes the members that it knows, by their names, and nothing else."""
    written = through_json(attempt)
    assert {name: written[name] for name in stored} == stored
    later = {"type", "kind", "connection", "evaluated_at", "signature", "arn", "region", "partition"}
    assert set(written) - set(stored) <= later


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.type)
def test_what_only_a_newer_version_knows_is_left_out(attempt: Any) -> None:
    assert read_attempt({**through_json(attempt), "added_later": {"any": [1]}}) == attempt


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.type)
def test_what_an_older_version_did_not_write_has_its_default(attempt: Any) -> None:
    written = through_json(attempt)
    kept = {"epoch", "name", "digest", "type"}
    found = read_attempt({name: value for name, value in written.items() if name in kept})

    for one in fields(attempt):
        expected = getattr(attempt, one.name) if one.name in kept else one.default
        assert getattr(found, one.name) == expected


def test_an_unknown_tag_is_read_by_its_shape() -> None:
    assert read_attempt({**through_json(JOB), "type": "job with more"}) == JOB
    assert read_attempt({"epoch": "3/2", "opened_at": OPENED, "type": "quantum"}) == UnknownAttempt(EPOCH, OPENED)


def test_a_job_that_is_not_submitted_yet_is_no_invocation() -> None:
    """Without a tag, a job whose name the service gives looks nearly like an invocation."""
    unnamed = replace(JOB, reference="", submitted_at="")
    stored = through_json(unnamed)
    del stored["type"]

    assert read_attempt(stored) == unnamed


def test_there_may_be_no_attempt() -> None:
    assert read_attempt(None) is None


def test_a_member_of_another_type_is_an_error_that_names_it() -> None:
    with pytest.raises(ValidationError, match="failures"):
        read_attempt({**through_json(JOB), "failures": "many"})


def test_the_epoch_of_a_newer_version_may_say_more() -> None:
    attempt = read_attempt({**through_json(JOB), "epoch": "3/2/more"})

    assert attempt is not None
    assert attempt.epoch == EPOCH


def test_the_epoch_is_stored_as_the_same_text_as_ever() -> None:
    assert through_json(JOB)["epoch"] == str(EPOCH) == "3/2"


@pytest.mark.parametrize(
    "record",
    [InvocationOutputs("name", {"rows": 3, "deep": [{"x": None}]}), RetryCounts(EPOCH, (1, 0), 2)],
    ids=["outputs", "retries"],
)
def test_what_stands_beside_the_attempts_comes_back(record: Any) -> None:
    assert read_record(type(record), {**through_json(record), "added_later": 1}) == record


def test_retries_are_stored_as_ever() -> None:
    assert through_json(RetryCounts(EPOCH, (1, 0), 2, after=3)) == {
        "epoch": "3/2",
        "granted": [1, 0],
        "unmatched": 2,
        "after": 3,
    }
