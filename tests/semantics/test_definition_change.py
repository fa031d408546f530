"""When a run is asked whether its definition has changed, and what it says then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.definition_change import change_in_words, made_at, may_have_changed

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_BEFORE = START - timedelta(hours=1)


def uuid7(at: datetime, rest: int = 0) -> UUID:
    return UUID(int=(round(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | rest)


@given(st.integers(0, 2**42), st.integers(0, 2**62 - 1))
def test_the_id_of_a_version_tells_when_it_was_made(milliseconds: int, rest: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    found = made_at(uuid7(moment, rest))
    assert found is not None
    assert abs(found - moment) < timedelta(milliseconds=1)


def test_airflow_gives_its_versions_such_ids() -> None:
    from airflow.models.dag_version import DagVersion

    before = datetime.now(UTC) - timedelta(seconds=1)
    made = made_at(DagVersion.__table__.c.id.default.arg(None))
    assert made is not None
    assert before < made < datetime.now(UTC) + timedelta(seconds=1)


def test_another_id_tells_nothing() -> None:
    assert made_at(uuid4()) is None


def test_a_run_whose_dag_and_definition_are_older_is_not_asked() -> None:
    assert not may_have_changed(START, is_cleared=False, changes=[LONG_BEFORE, LONG_BEFORE])


@pytest.mark.parametrize(
    ("started", "is_cleared", "changes"),
    [
        (START, False, [LONG_BEFORE, START + timedelta(seconds=1)]),
        (START, False, [START + timedelta(seconds=1), LONG_BEFORE]),
        (START, False, [START - timedelta(seconds=30), LONG_BEFORE]),  # another clock
        (START, False, [None, LONG_BEFORE]),
        (START, True, [LONG_BEFORE, LONG_BEFORE]),
        (None, False, [LONG_BEFORE, LONG_BEFORE]),
    ],
)
def test_a_run_is_asked_when_its_definition_may_be_another_one(
    started: datetime | None, is_cleared: bool, changes: list[datetime | None]
) -> None:
    assert may_have_changed(started, is_cleared=is_cleared, changes=changes)


def test_a_change_is_told_with_both_digests_and_what_to_do() -> None:
    said = change_in_words("a" * 64, "b" * 64, "dags-folder")
    assert "the run started with sha256 aaaaaaaaaaaa…, this step runs bbbbbbbbbbbb…" in said
    assert "The DAG bundle 'dags-folder' does not pin versions" in said
    assert said.endswith("clear the whole run")
