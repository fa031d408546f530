"""What judges a soak must itself be able to find each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.soak.history import (
    FAILED,
    LIVE,
    REFUSED,
    RUN_STARTED,
    STOPPED,
    SUCCEEDED,
    TAKEN,
    UNKNOWN,
    Act,
    Answer,
    AwsJob,
    History,
    RunEnd,
    StepKey,
    TaskEnd,
)
from tests.soak.invariants import (
    INVARIANTS,
    Violation,
    answered_once,
    none_done_again,
    none_failed_with_retries_left,
    none_left,
    none_lost,
    none_stopped_in_vain,
    none_stuck,
    two_live_jobs,
    used_up,
    violations,
    within_bound,
)
from tests.soak.plan import BOUND, CLEAR, DELETE, MARK_FAILED, MARK_SUCCESS

STEP = StepKey("east", "r1-0", "Train")
RUN = StepKey("east", "r1-0")
ASK = replace(STEP, task_id="Ask")
FIRST = AwsJob(STEP, "execution001", "TrainingJob", "first", SUCCEEDED, created=100.0, ended=110.0)
SECOND = replace(FIRST, name="second", created=120.0, ended=130.0)
DONE = TaskEnd(STEP, "success")
CLEARED = Act(CLEAR, STEP, began=105.0, ended=106.0)


def job(name: str, created: float, ended: float | None, task_id: str, map_index: int = -1) -> AwsJob:
    return replace(
        FIRST, name=name, created=created, ended=ended, step=replace(STEP, task_id=task_id, map_index=map_index)
    )


def found(invariant: Callable[[History], Iterator[Violation]], **history: object) -> list[str]:
    records = {name: tuple(value) for name, value in history.items() if isinstance(value, list)}
    flags = {name: value for name, value in history.items() if isinstance(value, bool)}
    return [one.what for one in invariant(History(**records, **flags))]  # type: ignore[arg-type]


def test_a_round_without_faults_violates_nothing() -> None:
    history = History(jobs=(FIRST,), tasks=(DONE,), runs=(RunEnd(RUN, "success"),))
    assert violations(history) == []


def test_each_invariant_is_asked() -> None:
    assert [invariant.__name__ for invariant in INVARIANTS] == [
        "two_live_jobs",
        "none_lost",
        "none_done_again",
        "none_left",
        "none_stopped_in_vain",
        "none_failed_with_retries_left",
        "none_stuck",
        "answered_once",
        "within_bound",
    ]


# -- two live jobs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [121.0, None])
def test_a_step_has_no_two_live_jobs(ended: float | None) -> None:
    assert found(two_live_jobs, jobs=[replace(FIRST, ended=ended), SECOND]) == [
        "first was live when second was created"
    ]


def test_a_job_that_is_being_stopped_is_live() -> None:
    stopped = replace(FIRST, state=STOPPED, stopped=105.0, ended=125.0)
    assert found(two_live_jobs, jobs=[stopped, SECOND])


@pytest.mark.parametrize(
    "other",
    [
        {"execution": "execution002"},
        {"kind": "Application"},
        {"step": replace(STEP, deployment="west")},
        {"step": replace(STEP, map_index=1)},
    ],
)
def test_another_execution_deployment_iteration_or_kind_has_jobs_of_its_own(other: dict[str, object]) -> None:
    assert not found(two_live_jobs, jobs=[replace(FIRST, ended=None), replace(SECOND, **other)])  # type: ignore[arg-type]


# -- lost, done again, left --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [[], [replace(FIRST, state=FAILED)], [replace(FIRST, state=STOPPED)]])
def test_a_step_that_succeeded_has_a_job_that_did(jobs: list[AwsJob]) -> None:
    assert found(none_lost, jobs=jobs, tasks=[DONE]) == ["succeeded, but none of its jobs has"]


def test_a_step_that_a_person_marked_needs_no_job() -> None:
    assert not found(none_lost, tasks=[DONE], acts=[replace(CLEARED, deed=MARK_SUCCESS)])


def test_a_step_without_a_job_needs_none() -> None:
    assert not found(none_lost, tasks=[replace(DONE, step=replace(STEP, task_id="Choose"))])


def test_a_step_whose_job_succeeded_gets_no_other_one() -> None:
    assert found(none_done_again, jobs=[FIRST, SECOND]) == ["first had succeeded, and second followed"]


def test_a_clear_lets_a_step_be_done_again() -> None:
    assert not found(none_done_again, jobs=[FIRST, SECOND], acts=[CLEARED])


def test_a_process_that_does_not_know_yet_that_its_task_was_cleared_may_create_a_job_that_is_done_again() -> None:
    act = replace(CLEARED, began=98.0, ended=99.0)
    assert not found(none_done_again, jobs=[FIRST, SECOND], acts=[act])


@pytest.mark.parametrize("times", [(90.0, 94.0), (125.0, 126.0)])
def test_a_clear_before_the_first_or_after_the_second_job_excuses_nothing(times: tuple[float, float]) -> None:
    act = replace(CLEARED, began=times[0], ended=times[1])
    assert found(none_done_again, jobs=[FIRST, SECOND], acts=[act])


def test_a_job_that_failed_may_be_followed_by_another() -> None:
    assert not found(none_done_again, jobs=[replace(FIRST, state=FAILED), SECOND])


def test_no_job_is_live_after_the_last_sweep() -> None:
    live = replace(FIRST, state=LIVE, ended=None)
    assert found(none_left, jobs=[live], tasks=[replace(DONE, state="failed")]) == [
        "TrainingJob first is live, its task failed"
    ]
    assert found(none_left, jobs=[live]) == ["TrainingJob first is live, its task absent"]


# -- stopped -----------------------------------------------------------------------------------------------------------

STOPPED_JOB = replace(FIRST, state=STOPPED, stopped=108.0)


def test_no_job_is_stopped_that_its_task_owns() -> None:
    assert found(none_stopped_in_vain, jobs=[STOPPED_JOB]) == ["TrainingJob first was stopped, and nobody wanted that"]


def test_a_job_of_a_process_that_does_not_know_yet_that_its_task_was_cleared_is_stopped() -> None:
    assert not found(none_stopped_in_vain, jobs=[STOPPED_JOB], acts=[replace(CLEARED, began=98.0, ended=99.0)])


@pytest.mark.parametrize("step", [STEP, RUN])
def test_a_job_is_stopped_after_an_act_on_its_task_or_run(step: StepKey) -> None:
    assert not found(none_stopped_in_vain, jobs=[STOPPED_JOB], acts=[replace(CLEARED, step=step)])


@pytest.mark.parametrize(
    "act",
    [
        replace(CLEARED, began=50.0, ended=94.0),
        replace(CLEARED, began=109.0, ended=109.5),
        replace(CLEARED, step=replace(STEP, task_id="Tune")),
        replace(CLEARED, step=replace(STEP, map_index=0)),
        replace(CLEARED, step=replace(STEP, deployment="west")),
        replace(CLEARED, deed=BOUND, step=RUN, bound=3),
    ],
)
def test_an_act_before_the_job_after_its_stop_or_on_another_task_explains_no_stop(act: Act) -> None:
    assert found(none_stopped_in_vain, jobs=[STOPPED_JOB], acts=[act])


def test_an_edit_that_removes_the_step_explains_its_stop() -> None:
    job_of_extra = replace(STOPPED_JOB, step=replace(STEP, task_id="Extra"))
    assert not found(none_stopped_in_vain, jobs=[job_of_extra], edited=True)
    assert found(none_stopped_in_vain, jobs=[job_of_extra])


# -- failed, stuck -----------------------------------------------------------------------------------------------------

FAILED_TASK = TaskEnd(STEP, "failed", try_number=2, max_tries=8)


def test_no_task_fails_with_retries_left() -> None:
    assert found(none_failed_with_retries_left, tasks=[FAILED_TASK]) == ["failed in try 2 of 9"]


def test_a_task_that_a_person_failed_may_fail() -> None:
    assert not found(none_failed_with_retries_left, tasks=[FAILED_TASK], acts=[replace(CLEARED, deed=MARK_FAILED)])


def test_retries_that_are_used_up_are_noted() -> None:
    task = replace(FAILED_TASK, try_number=9)
    assert not found(none_failed_with_retries_left, tasks=[task])
    assert used_up(History(tasks=(task,))) == [task]


def test_the_state_of_the_pipeline_fails_with_another_task_only() -> None:
    state = replace(FAILED_TASK, step=replace(STEP, task_id="pipeline_status"))
    assert found(none_failed_with_retries_left, tasks=[state])
    marked = [replace(CLEARED, deed=MARK_FAILED)]
    assert not found(none_failed_with_retries_left, tasks=[state, FAILED_TASK], acts=marked)


@pytest.mark.parametrize("state", ["running", "queued"])
def test_every_run_ends(state: str) -> None:
    assert found(none_stuck, runs=[RunEnd(RUN, state)]) == [f"the run is {state}"]


@pytest.mark.parametrize("state", [None, "deferred", "up_for_retry", "running"])
def test_every_task_ends(state: str | None) -> None:
    assert found(none_stuck, tasks=[replace(DONE, state=state)]) == [f"the task is {state}"]


# -- answers -----------------------------------------------------------------------------------------------------------

ANSWER = Answer(ASK, "token", "answer 1", TAKEN, asked=100.0, sent=110.0)
ANSWERED = TaskEnd(ASK, "success", outputs="answer 1")


def test_one_answer_is_taken_and_the_step_has_its_value() -> None:
    refused = replace(ANSWER, value="answer 2", said=REFUSED)
    assert not found(answered_once, answers=[ANSWER, refused], tasks=[ANSWERED])


def test_no_two_answers_to_one_question_are_taken() -> None:
    assert found(answered_once, answers=[ANSWER, replace(ANSWER, value="answer 2")]) == [
        "both answer 1 and answer 2 were taken"
    ]


@pytest.mark.parametrize(("began", "is_over"), [(90.0, False), (105.0, True), (115.0, False)])
def test_answers_to_a_question_that_a_person_has_ended_are_not_refused_and_change_nothing(
    began: float, is_over: bool
) -> None:
    deleted = Act(DELETE, RUN, began=began, ended=began + 1)
    assert (
        bool(found(answered_once, answers=[ANSWER, replace(ANSWER, value="answer 2")], acts=[deleted])) is not is_over
    )


def test_a_question_of_a_cleared_step_has_an_answer_of_its_own() -> None:
    assert not found(answered_once, answers=[ANSWER, replace(ANSWER, token="another", value="answer 2")])


@pytest.mark.parametrize("outputs", ["answer 2", None])
def test_the_step_has_the_value_of_no_answer_that_was_refused(outputs: str | None) -> None:
    refused = replace(ANSWER, value="answer 2", said=REFUSED)
    task = replace(ANSWERED, outputs=outputs)
    assert found(answered_once, answers=[ANSWER, refused], tasks=[task])


def test_an_answer_whose_connection_broke_may_have_been_taken() -> None:
    assert not found(answered_once, answers=[replace(ANSWER, said=UNKNOWN)], tasks=[ANSWERED])


# -- the bound ---------------------------------------------------------------------------------------------------------

BOUND_OF_TWO = Act(RUN_STARTED, RUN, began=10.0, ended=11.0, bound=2)


def test_no_more_steps_are_in_progress_than_the_bound_allows() -> None:
    jobs = [job(name, 100.0 + index, 200.0, name) for index, name in enumerate(("A", "B", "C"))]
    assert found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO]) == ["3 steps in progress, of 2 at most: ['A', 'B', 'C']"]
    assert not found(within_bound, jobs=jobs[:2], acts=[BOUND_OF_TWO])
    assert not found(within_bound, jobs=jobs)


def test_a_step_that_has_ended_does_not_count() -> None:
    jobs = [job("A", 100.0, 101.5, "A"), job("B", 101.0, 200.0, "B"), job("C", 102.0, 200.0, "C")]
    assert not found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO])


def test_an_iteration_counts_as_one_step() -> None:
    jobs = [
        job("A", 100.0, 200.0, "Each-First", 0),
        job("B", 101.0, 200.0, "Each-Second", 0),
        job("C", 102.0, 200.0, "C"),
    ]
    assert not found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO])


def test_a_step_that_a_person_ended_does_not_count_though_its_job_still_runs() -> None:
    jobs = [job(name, 100.0 + index, 200.0, name) for index, name in enumerate(("A", "B", "C"))]
    ended = Act(MARK_FAILED, replace(STEP, task_id="A"), began=101.5, ended=101.6)
    assert not found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO, ended])


def test_a_raised_bound_counts_at_once_and_a_lowered_one_after_a_while() -> None:
    jobs = [job(name, 100.0 + index, 200.0, name) for index, name in enumerate(("A", "B", "C"))]
    raised = Act(BOUND, RUN, began=101.0, ended=101.5, bound=3)
    assert not found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO, raised])
    generous = replace(BOUND_OF_TWO, bound=3)
    lately, long_ago = (Act(BOUND, RUN, began=at, ended=at + 1, bound=2) for at in (95.0, 50.0))
    assert not found(within_bound, jobs=jobs, acts=[generous, lately])
    assert found(within_bound, jobs=jobs, acts=[generous, long_ago])


def test_a_bound_of_a_run_that_started_without_one_has_no_effect() -> None:
    jobs = [job(name, 100.0 + index, 200.0, name) for index, name in enumerate(("A", "B", "C"))]
    assert not found(within_bound, jobs=jobs, acts=[Act(BOUND, RUN, began=10.0, ended=11.0, bound=1)])


def test_a_bound_that_was_changed_outlives_a_run_that_is_started_again() -> None:
    jobs = [job(name, 100.0 + index, 200.0, name) for index, name in enumerate(("A", "B", "C"))]
    changed = Act(BOUND, RUN, began=20.0, ended=21.0, bound=3)
    again = replace(BOUND_OF_TWO, began=30.0, ended=31.0)
    assert not found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO, changed, again])


def test_a_change_of_the_bound_that_airflow_answered_with_an_error_may_count_or_not() -> None:
    jobs = [job(name, 100.0 + index, 200.0, name) for index, name in enumerate(("A", "B", "C"))]
    changed = Act(f"{BOUND} (HTTP 500)", RUN, began=20.0, ended=21.0, bound=3)
    assert not found(within_bound, jobs=jobs, acts=[BOUND_OF_TWO, changed])
    lowered = replace(changed, bound=1)
    assert not found(within_bound, jobs=jobs[:2], acts=[BOUND_OF_TWO, lowered])
