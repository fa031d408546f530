"""What the state of a task says about its resource: the whole tables."""

from __future__ import annotations

import pytest
from airflow.sdk import TaskInstanceState

from airflow_sm_pipelines.semantics.ownership import (
    ABSENT,
    Verdict,
    is_orphan,
    verdict_of_trigger_kill,
    verdict_of_worker_kill,
    verdict_without_an_answer,
)

KEEP, STOP, ASK_AGAIN = Verdict.KEEP, Verdict.STOP, Verdict.ASK_AGAIN

# State -> what a trigger's on_kill does, what a terminated worker does, whether the task's own resource is an orphan.
TABLE: dict[str | None, tuple[Verdict, Verdict, bool]] = {
    # Somebody, or Airflow, ended the task.
    "failed": (STOP, STOP, True),
    "success": (STOP, STOP, True),
    "skipped": (STOP, STOP, True),
    "removed": (STOP, STOP, True),
    "upstream_failed": (STOP, STOP, True),
    ABSENT: (STOP, STOP, True),
    # It was cleared, and may not start for hours.
    None: (ASK_AGAIN, STOP, True),
    "none": (ASK_AGAIN, STOP, True),
    # It was cleared, or is tried again: the new attempt stops the leftover, or adopts it.
    "scheduled": (ASK_AGAIN, STOP, False),
    "queued": (ASK_AGAIN, STOP, False),
    "restarting": (ASK_AGAIN, STOP, False),
    # The task goes on: the trigger moved, or the machine goes down.
    "running": (KEEP, KEEP, False),
    "deferred": (KEEP, KEEP, False),
    "up_for_retry": (KEEP, KEEP, False),
    "up_for_reschedule": (KEEP, KEEP, False),
    "awaiting_input": (KEEP, KEEP, False),
}


@pytest.mark.parametrize("state", TABLE)
def test_a_killed_trigger_whose_job_the_task_names(state: str | None) -> None:
    assert verdict_of_trigger_kill(state, is_owned=True) is TABLE[state][0]


@pytest.mark.parametrize("state", TABLE)
def test_a_killed_trigger_whose_job_the_task_does_not_name(state: str | None) -> None:
    """The run was deleted and created again: the state is that of another task instance."""
    expected = ASK_AGAIN if TABLE[state][0] is ASK_AGAIN else STOP
    assert verdict_of_trigger_kill(state, is_owned=False) is expected


@pytest.mark.parametrize("state", TABLE)
def test_a_killed_trigger_whose_task_names_no_job_yet(state: str | None) -> None:
    assert verdict_of_trigger_kill(state, is_owned=None) is (STOP if TABLE[state][0] is STOP else ASK_AGAIN)


@pytest.mark.parametrize("state", TABLE)
def test_only_a_running_try_may_still_adopt_a_job_when_a_trigger_has_waited_long(state: str | None) -> None:
    assert verdict_without_an_answer(state) is (KEEP if state == "running" else STOP)


@pytest.mark.parametrize("state", TABLE)
def test_a_terminated_worker(state: str | None) -> None:
    assert verdict_of_worker_kill(state) is TABLE[state][1]


@pytest.mark.parametrize("state", TABLE)
def test_a_resource_that_the_task_owns(state: str | None) -> None:
    assert is_orphan(state, "job-1", "job-1") is TABLE[state][2]


@pytest.mark.parametrize("state", TABLE)
@pytest.mark.parametrize("owned", ["", "job-2"])
def test_a_resource_that_the_task_does_not_own_is_an_orphan(state: str | None, owned: str) -> None:
    assert is_orphan(state, owned, "job-1")


@pytest.mark.parametrize("state", TABLE)
def test_where_the_owned_resource_cannot_be_told_the_state_decides(state: str | None) -> None:
    assert is_orphan(state, None, "job-1") is TABLE[state][2]


@pytest.mark.parametrize("state", TABLE)
def test_a_training_job_belongs_to_the_tuning_job_that_its_name_begins_with(state: str | None) -> None:
    assert is_orphan(state, "tune-1", "tune-1-003-0badcafe") is TABLE[state][2]
    assert is_orphan(state, "tune-1", "tune-10-003-0badcafe"), "another attempt's"


def test_every_task_state_of_airflow_is_decided() -> None:
    assert {state.value for state in TaskInstanceState} <= TABLE.keys()


def test_a_worker_never_waits_with_its_verdict() -> None:
    assert ASK_AGAIN not in {verdict_of_worker_kill(state) for state in TABLE}
