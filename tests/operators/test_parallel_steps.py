"""How operators enter, wait and leave under ``max_parallel_steps``; what they do inside is tested elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.errors import StepFailedError, StepInterruptedError
from airflow_sm_pipelines.execution import parallelism, steps_in_progress
from airflow_sm_pipelines.execution.parallelism import Entrant
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.operators import for_each, step_course
from airflow_sm_pipelines.operators.base import JobOperator

Heard = list[tuple[Any, ...]]


class Waits(BaseException):
    """The task was deferred."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """What is asked for, in order, by step."""
    heard: Heard = []

    def enter_or_wait(entrant: Entrant, context: Any) -> None:
        heard.append(("enter", entrant.step, entrant.bound))

    def leave(step: str, settings: Any, bound: int, context: Any) -> None:
        heard.append(("leave", step, bound))

    monkeypatch.setattr(step_course, "pass_gate", lambda plan, *_: heard.append(("gate", plan.step.name)))
    monkeypatch.setattr(for_each, "wait_for_turn", lambda task, context, method: heard.append(("turn", task.loop)))
    monkeypatch.setattr(parallelism, "enter_or_wait", enter_or_wait)
    monkeypatch.setattr(parallelism, "leave", leave)
    monkeypatch.setattr(parallelism, "leave_loop", leave)
    return heard


@pytest.fixture
def works(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Let the work of job steps end so."""

    def end(error: BaseException | None) -> None:
        def act(task: Any, run: Any) -> str:
            heard.append(("act", task.task_id))
            if error is not None:
                raise error
            return "properties"

        monkeypatch.setattr(JobOperator, "act", act)

    end(None)
    return end


def test_a_step_enters_behind_the_gate_before_anything_is_resolved_and_leaves_at_its_end(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any
) -> None:
    make_tasks(processing("A"), max_parallel_steps=3)["A"].execute(context)

    assert heard == [("gate", "A"), ("enter", "A", 3), ("act", "A"), ("leave", "A", 3)]


def test_without_a_bound_nothing_is_asked(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any
) -> None:
    make_tasks(processing("A"))["A"].execute(context)

    assert heard == [("gate", "A"), ("act", "A")]


def test_a_cleared_run_without_a_bound_enters_under_the_one_that_it_was_given_since(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_in_progress, "stored_value", {"sm_max_parallel_steps:dag:run": "2"}.get)
    context["dag_run"].clear_number = 1

    make_tasks(processing("A"))["A"].execute(context)

    assert heard == [("gate", "A"), ("enter", "A", 2), ("act", "A"), ("leave", "A", 2)]


def test_the_bound_of_the_run_wins_over_that_of_the_pipeline(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any
) -> None:
    context["params"] = {"sm_max_parallel_steps": 7}

    make_tasks(processing("A"), max_parallel_steps=3)["A"].execute(context)

    assert ("enter", "A", 7) in heard


def test_a_failed_try_leaves_so_that_a_retry_holds_no_place_while_it_waits(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any
) -> None:
    works(StepFailedError("A", "the job failed"))

    with pytest.raises(StepFailedError):
        make_tasks(processing("A"), max_parallel_steps=3)["A"].execute(context)

    assert heard[-1] == ("leave", "A", 3)


@pytest.mark.parametrize("error", [Waits(), StepInterruptedError("A", "told to end"), ConnectionError("no API server")])
def test_a_step_whose_work_goes_on_stays(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any, error: BaseException
) -> None:
    works(error)

    with pytest.raises(type(error)):
        make_tasks(processing("A"), max_parallel_steps=3)["A"].execute(context)

    assert heard[-1] == ("act", "A")


def test_a_resumed_step_still_has_its_place_and_leaves_at_its_end(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobOperator, "resume", lambda task, context, event=None: "properties")

    make_tasks(processing("A"), max_parallel_steps=3)["A"].resume_execution("resume", {"event": {}}, context)

    assert heard == [("leave", "A", 3)]


def test_a_step_that_was_called_passes_the_gate_again_since_the_run_may_have_failed_meanwhile(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any
) -> None:
    task = make_tasks(processing("A"), max_parallel_steps=3)["A"]

    task.resume_execution("begin_in_turn", {"event": {"step": "A"}}, context)

    assert heard == [("gate", "A"), ("enter", "A", 3), ("act", "A"), ("leave", "A", 3)]


def test_a_skipped_step_needs_no_place(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, works: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def skip(*_: Any) -> None:
        raise AirflowSkipException("not chosen")

    monkeypatch.setattr(step_course, "pass_gate", skip)

    with pytest.raises(AirflowSkipException):
        make_tasks(processing("A"), max_parallel_steps=3)["A"].execute(context)

    assert heard == []


def test_a_condition_needs_no_place(
    make_tasks: Any, condition: Any, processing: Any, context: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = make_tasks(condition("If", "yes", [processing("A")], []), max_parallel_steps=3)
    monkeypatch.setattr(type(tasks["If"]), "skip", lambda *_: None)

    tasks["If"].execute(context)

    assert heard == [("gate", "If")]


@pytest.fixture
def loop(processing: Any) -> dict[str, Any]:
    body = {"IterableItems": ["x", "y"], "MaxConcurrency": 2, "ForEachBody": [processing("First")]}
    return {"Name": "Each", "Type": "ForEach", "Arguments": body}


@pytest.mark.parametrize("method", ["execute", "resume"])
def test_an_iteration_enters_when_max_concurrency_lets_it_begin(
    make_tasks: Any, loop: Any, context: Any, heard: Heard, method: str
) -> None:
    getattr(make_tasks(loop, max_parallel_steps=3)["Each.turn"], method)(context)

    assert heard == [("turn", "Each"), ("enter", "Each", 3)]


def test_the_steps_of_an_iteration_and_the_items_need_no_place_of_their_own(
    make_tasks: Any, loop: Any, context: Any, ti: Any, heard: Heard, works: Any
) -> None:
    tasks = make_tasks(loop, max_parallel_steps=3)

    tasks["Each.items"].execute(context)
    ti.map_index = 1
    tasks["First"].execute(context)

    assert heard == [("gate", "Each"), ("gate", "First"), ("act", "First")]


def test_a_cleared_step_stops_the_job_of_its_former_epoch_before_it_waits(
    make_tasks: Any, processing: Any, context: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_sm_pipelines.execution import recorded_job

    def enter_or_wait(entrant: Entrant, context: Any) -> None:
        entrant.stop_leftover()
        raise Waits

    def end_recorded_job(store: Any, step: str, log: Any, pause: Any) -> str:
        stopped.append(step)
        return "its job was stopped"

    stopped: list[str] = []
    monkeypatch.setattr(parallelism, "enter_or_wait", enter_or_wait)
    monkeypatch.setattr(recorded_job, "end_recorded_job", end_recorded_job)
    record = {"epoch": "8/8", "name": "job", "reference": "job", "kind": "ProcessingJob", "connection": {}}
    context["task_state_store"].set(RECORD_KEY, record)
    context["ti"].try_number = 2
    task = make_tasks(processing("A"), max_parallel_steps=3)["A"]

    for max_tries, expected in ((8, []), (9, ["A"])):
        context["ti"].max_tries = max_tries
        with pytest.raises(Waits):
            task.execute(context)
        assert stopped == expected
