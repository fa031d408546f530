"""What judges the attacks must itself be able to find a fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.tags import Owner
from tests.attacks.invariants import Findings, Job, doubled, unwanted

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = Owner("here", "dag", "run", "Work", -1)
FIRST = Job(OWNER, "execution001", "token00001", "first", "InProgress", BEGIN)
SECOND = replace(FIRST, epoch="token00002", name="second", created=BEGIN + timedelta(minutes=1))


def task(state: str | None) -> dict[str, Any]:
    return {"task_id": "Work", "map_index": -1, "state": state}


def test_a_second_job_of_one_epoch_is_a_double() -> None:
    assert doubled([FIRST]) == []
    assert doubled([FIRST, SECOND]) == ["Work[-1]: first, second"]


def test_a_clear_allows_a_second_job() -> None:
    assert doubled([FIRST, SECOND], epochs=2) == []


def test_a_run_that_was_created_again_has_jobs_of_its_own() -> None:
    assert doubled([FIRST, replace(SECOND, execution="execution002")]) == []


def test_iterations_of_a_loop_have_jobs_of_their_own() -> None:
    assert doubled([FIRST, replace(SECOND, owner=replace(OWNER, map_index=1))]) == []


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "removed", "upstream_failed"])
def test_the_job_of_an_ended_task_is_unwanted(state: str) -> None:
    assert unwanted([FIRST], [task(state)]) == [f"first (its task is {state})"]


def test_the_job_of_a_deleted_run_is_unwanted() -> None:
    assert unwanted([FIRST], []) == ["first (its task is absent)"]


@pytest.mark.parametrize("state", [None, "running", "deferred", "up_for_retry"])
def test_of_a_live_task_only_the_newest_job_is_wanted(state: str | None) -> None:
    assert unwanted([FIRST], [task(state)]) == []
    assert unwanted([FIRST, SECOND], [task(state)]) == [f"first (its task is {state})"]


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopping", "Stopped"])
def test_a_job_that_has_ended_or_was_told_to_is_not_unwanted(status: str) -> None:
    assert unwanted([replace(FIRST, status=status)], []) == []


def test_what_a_sweep_may_still_find_is_no_fault() -> None:
    assert Findings(swept=["job"], seen=["note"]).is_clean
    for broken in ("lost", "doubled", "left", "wrong"):
        assert not Findings(**{broken: ["job"]}).is_clean
