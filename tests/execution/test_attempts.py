"""The attempt record: what is written, and when; `test_attempt_machine` tries it against crashes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.execution.attempts import AttemptBook
from airflow_sm_pipelines.execution.identity import Epoch, Ownership, StepIdentity
from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IDENTITY = StepIdentity(
    "Train", Epoch(3, 3), 1, lambda: Ownership(Owner("blue", "dag", "run", "Train"), "abcdef012345")
)


@pytest.fixture
def store(context: Any) -> Any:
    return context["task_state_store"]


def book_of(store: Any, **identity: Any) -> AttemptBook:
    return AttemptBook(store, dataclasses.replace(IDENTITY, **identity), PROCESSING_JOB)


def test_nothing_is_written_at_first(store: Any) -> None:
    assert book_of(store).read() is None


def test_the_record_of_a_step_that_was_a_callback_is_no_attempt(store: Any) -> None:
    store.set(RECORD_KEY, {"epoch": "3/3", "token": "t", "failures": 0, "opened_at": NOW.isoformat(), "queue": "q"})

    assert book_of(store).read() is None


def test_an_attempt_is_durable_before_it_is_used(store: Any) -> None:
    attempt = book_of(store).open_next(None, NOW)

    assert Attempt(**store.get(RECORD_KEY)) == attempt == book_of(store).read()
    assert attempt.name == f"pipelines-abcdef012345-Train-{attempt.token}-0"
    assert (attempt.epoch, attempt.failures, attempt.closed, attempt.submitted_at) == (Epoch(3, 3), 0, False, "")
    assert attempt.opened_at == "2026-01-02T03:04:05+00:00"


def test_a_next_attempt_keeps_the_token_and_the_time_of_the_first(store: Any) -> None:
    book = book_of(store)
    first = book.close(book.open_next(None, NOW))
    second = book.open_next(first, NOW + timedelta(hours=1))

    assert (second.token, second.opened_at) == (first.token, first.opened_at)
    assert second.name == first.name.removesuffix("-0") + "-1"
    assert (second.failures, second.closed, second.submitted_at) == (1, False, "")


def test_a_cleared_task_draws_a_new_token(store: Any) -> None:
    first = book_of(store).open_next(None, NOW)
    cleared = book_of(store, epoch=Epoch(7, 3))

    assert not cleared.is_current(first)
    second = cleared.open_next(first, NOW)
    assert second.token != first.token
    assert (second.epoch, second.failures) == (Epoch(7, 3), 0)


def test_a_closed_attempt_stays_closed(store: Any) -> None:
    book = book_of(store)
    book.close(book.open_next(None, NOW))

    last = book.read()
    assert last is not None
    assert last.closed


@pytest.mark.parametrize(("recorded", "try_number", "lost"), [(False, 1, False), (False, 2, True), (True, 2, False)])
def test_only_a_later_try_without_a_record_may_have_lost_it(
    store: Any, recorded: bool, try_number: int, lost: bool
) -> None:
    book = book_of(store, try_number=try_number)
    last = book.open_next(None, NOW) if recorded else None

    assert book.may_have_lost_record(last) is lost


@pytest.mark.parametrize("prefix", [None, "nightly"])
def test_every_name_of_the_step_is_found_by_the_stem(store: Any, prefix: str | None) -> None:
    book = AttemptBook(store, IDENTITY, PROCESSING_JOB, lambda: prefix)
    first = book.open_next(None, NOW)
    second = book.open_next(first, NOW)
    cleared = AttemptBook(store, dataclasses.replace(IDENTITY, epoch=Epoch(7, 3)), PROCESSING_JOB, lambda: prefix)
    third = cleared.open_next(second, NOW)

    assert all(cleared.leftover_stem() in attempt.name for attempt in (first, second, third))


def test_a_name_of_the_definition_is_the_prefix_of_the_jobs_name(store: Any) -> None:
    attempt = AttemptBook(store, IDENTITY, PROCESSING_JOB, lambda: "nightly").open_next(None, NOW)

    assert attempt.name == f"nightly-abcdef012345-{attempt.token}-0"


def test_a_verbatim_name_of_the_definition_is_the_name(store: Any) -> None:
    kind = dataclasses.replace(PROCESSING_JOB, verbatim_name=True)

    assert AttemptBook(store, IDENTITY, kind, lambda: "shop").open_next(None, NOW).name == "shop"
    assert AttemptBook(store, IDENTITY, kind).open_next(None, NOW).name.startswith("pipelines-abcdef012345-Train-")


def test_a_record_of_another_version_is_read(store: Any) -> None:
    """A task runs through an upgrade that adds a field, and through the downgrade that does not know it."""
    book = book_of(store)
    attempt = book.open_next(None, NOW)
    record = store.get(RECORD_KEY)

    store.set(RECORD_KEY, {**record, "added_later": 1})
    assert book.read() == attempt
    store.set(RECORD_KEY, {name: value for name, value in record.items() if name not in ("closed", "submitted_at")})
    assert book.read() == attempt
