"""Faults of Airflow excuse what they explain, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.airflow_faults import excused
from tests.soak.history import Act, History, RunEnd, StepKey, TaskEnd
from tests.soak.invariants import violations
from tests.soak.plan import CLEAR, MARK_RUN

STEP = StepKey("east", "r1-0", "Train")
RUN = StepKey("east", "r1-0")
CLEARED = Act(CLEAR, STEP, began=10.0, ended=14.0)
MARKED = Act(MARK_RUN, RUN, began=9.0, ended=13.0)
HISTORY = History(tasks=(TaskEnd(STEP, None),), runs=(RunEnd(RUN, "success"),), acts=(CLEARED, MARKED))


def test_a_task_that_was_cleared_while_its_run_was_marked_may_keep_no_state() -> None:
    counted, [(violation, _)] = excused(violations(HISTORY), HISTORY)
    assert counted == []
    assert violation.step == STEP


@pytest.mark.parametrize(
    "history",
    [
        replace(HISTORY, acts=(CLEARED, replace(MARKED, began=14.5, ended=15.0))),
        replace(HISTORY, acts=(CLEARED,)),
        replace(HISTORY, acts=(MARKED, replace(CLEARED, step=replace(STEP, task_id="Tune")))),
        replace(HISTORY, tasks=(TaskEnd(STEP, "deferred"),)),
        replace(HISTORY, runs=(RunEnd(RUN, "running"),)),
    ],
)
def test_without_that_it_counts(history: History) -> None:
    counted, explained = excused(violations(history), history)
    assert counted
    assert not explained


EXTRA = replace(STEP, task_id="Extra")
REMOVED = History(
    tasks=(TaskEnd(EXTRA, None, try_number=0),), runs=(RunEnd(RUN, "failed"),), acts=(MARKED,), edited=True
)


def test_a_task_that_an_edit_has_removed_before_its_run_was_marked_may_keep_no_state() -> None:
    counted, [(violation, _)] = excused(violations(REMOVED), REMOVED)
    assert counted == []
    assert violation.step == EXTRA


@pytest.mark.parametrize(
    "history",
    [
        replace(REMOVED, edited=False),
        replace(REMOVED, acts=()),
        replace(REMOVED, tasks=(TaskEnd(EXTRA, None, try_number=1),)),
        replace(REMOVED, tasks=(TaskEnd(STEP, None, try_number=0),)),
        replace(REMOVED, runs=(RunEnd(RUN, "running"),)),
    ],
)
def test_a_task_that_no_edit_has_removed_counts(history: History) -> None:
    counted, explained = excused(violations(history), history)
    assert counted
    assert not explained


QUEUED = TaskEnd(STEP, "queued", id="1234")
WAITS = TaskEnd(replace(STEP, task_id="Tune"), None, try_number=0)
LOST = History(tasks=(QUEUED, WAITS), runs=(RunEnd(RUN, "running"),), lost=("1234",))


def test_a_task_whose_worker_died_before_it_began_may_stay_queued_and_those_that_wait_for_it_with_it() -> None:
    counted, explained = excused(violations(LOST), LOST)
    assert counted == []
    assert [str(violation.step) for violation, _ in explained] == [str(RUN), str(STEP), str(WAITS.step)]


@pytest.mark.parametrize(
    "history",
    [
        replace(LOST, lost=("5678",)),
        replace(LOST, tasks=(replace(QUEUED, state="deferred"), WAITS)),
        replace(LOST, tasks=(replace(QUEUED, step=replace(STEP, run_id="r1-1")), WAITS)),
        replace(LOST, tasks=(QUEUED, replace(WAITS, state="deferred"))),
    ],
)
def test_any_other_task_that_does_not_end_counts(history: History) -> None:
    counted, _ = excused(violations(history), history)
    assert counted
