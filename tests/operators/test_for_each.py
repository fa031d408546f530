"""The tasks around the body of a ForEach: its items, the turns of its iterations, its result."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from airflow_sm_pipelines.errors import StepError, StepFailedError, UndefinedReferenceError
from airflow_sm_pipelines.execution import fail_step
from airflow_sm_pipelines.execution.xcoms import FAILURE_KEY, STATUS_KEY, read_failure, read_properties, read_status
from airflow_sm_pipelines.operators import for_each
from airflow_sm_pipelines.semantics.readiness import StepStatus

ITEMS_PARAMETER = [{"Name": "Items", "Type": "String", "DefaultValue": "[]"}]
GET_ITEMS = {"Get": "Parameters.Items"}


@pytest.fixture
def loop(processing: Any) -> Any:
    """Make a ForEach step with the body steps First and Second."""

    def make(items: Any = GET_ITEMS, **arguments: Any) -> dict[str, Any]:
        second = processing("Second", DependsOn=["First"])
        body = {"IterableItems": items, "MaxConcurrency": 2, "ForEachBody": [processing("First"), second]}
        return {"Name": "Each", "Type": "ForEach", "Arguments": {**body, **arguments}}

    return make


@pytest.fixture
def make_loop(make_tasks: Any, loop: Any) -> Any:
    """Make the tasks of a ForEach step."""

    def make(items: Any = GET_ITEMS, **arguments: Any) -> dict[str, Any]:
        return dict(make_tasks(loop(items, **arguments), parameters=ITEMS_PARAMETER))

    return make


# -- items -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "items"), [("[]", []), ('["a", 2, {"x": 1}]', ["a", 2, {"x": 1}]), ('[["nested"]]', [["nested"]])]
)
def test_the_items_of_a_text_are_those_of_its_json_list(
    make_loop: Any, context: Any, text: str, items: list[Any]
) -> None:
    context["params"] = {"Items": text}
    task = make_loop()["Each.items"]

    assert task.execute(context) == items
    assert task.request == {"IterableItems": items, "MaxConcurrency": 2}


def test_literal_items_keep_their_types_and_expressions_are_evaluated(make_loop: Any, context: Any) -> None:
    context["params"] = {"Items": "{{ ds }}"}
    literal = ["a", 1, 2.5, True, GET_ITEMS, {"Std:Join": {"On": "-", "Values": ["x", 1]}}]

    assert make_loop(literal)["Each.items"].execute(context) == ["a", 1, 2.5, True, "{{ ds }}", "x-1"]


def test_what_is_no_list_fails_the_step_and_is_told_to_its_result(make_loop: Any, context: Any, ti: Any) -> None:
    context["params"], ti.task_id = {"Items": "a, b"}, "Each.items"

    with pytest.raises(StepError, match=r"^Step Each: IterableItems: expected a text that holds a JSON list"):
        make_loop()["Each.items"].execute(context)

    assert read_failure(context, "Each.items").startswith("IterableItems: expected a text that holds a JSON list")


def test_a_reference_to_nothing_is_named(make_loop: Any, context: Any) -> None:
    with pytest.raises(UndefinedReferenceError, match=r"Step Each: IterableItems: Parameters\.Items: the DAG run has"):
        make_loop()["Each.items"].execute(context)


def test_more_items_than_airflow_maps_over_are_refused_with_the_setting(make_loop: Any, context: Any) -> None:
    context["params"] = {"Items": str([1] * 1025)}

    with pytest.raises(
        StepError, match=r"it has 1025 items, but Airflow maps over 1024: raise \[core\] max_map_length"
    ):
        make_loop()["Each.items"].execute(context)


# -- turn --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["execute", "resume"])
def test_a_turn_looks_at_all_body_steps(
    make_loop: Any, context: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(for_each, "wait_for_turn", lambda *arguments: asked.append(arguments))
    task = make_loop()["Each.turn"]

    assert getattr(task, method)(context) is None

    assert asked == [(task, context, "resume")]
    assert (task.body_task_ids, task.limit, task.deferrable) == (("First", "Second"), 2, True)


# -- result ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch, context: Any, ti: Any) -> dict[str, Any]:
    """States of the loop's tasks: two iterations that succeeded."""
    found: dict[str, Any] = {
        "Each.items": "success",
        "Each.turn": {0: "success", 1: "success"},
        "First": {0: "success", 1: "success"},
        "Second": {0: "success", 1: "success"},
    }
    monkeypatch.setattr(for_each, "mapped_task_states", lambda _dag, _run, task_id: found[task_id])
    monkeypatch.setattr(for_each, "task_state", lambda _dag, _run, task_id, _index: found[task_id])
    ti.task_id = "Each.result"
    ti.published_by("Each.items", ["a", "b"])
    for index, score in enumerate((0.5, 0.75)):
        ti.published_by(f"First[{index}]", {"Score": score, "Name": f"first {index}"})
        ti.published_by(f"Second[{index}]", {"Name": f"second {index}"})
    return found


def test_the_result_holds_what_later_steps_refer_to(make_loop: Any, context: Any, states: Any) -> None:
    assert make_loop()["Each.result"].execute(context) == {
        "Status": "Succeeded",
        "InputItemCount": 2,
        "TotalStepCount": 4,
        "SucceededStepCount": 4,
        "FailedStepCount": 0,
        "StoppedStepCount": 0,
        "IterationOutputs": [
            {"First": {"Score": 0.5, "Name": "first 0"}, "Second": {"Name": "second 0"}},
            {"First": {"Score": 0.75, "Name": "first 1"}, "Second": {"Name": "second 1"}},
        ],
    }


@pytest.mark.parametrize(("pick", "name"), [("MaxBy", "first 1"), ("MinBy", "first 0")])
def test_selected_are_the_properties_of_the_step_that_is_compared(
    make_loop: Any, context: Any, states: Any, pick: str, name: str
) -> None:
    field = {"Get": "IterationOutput.First.Score"}
    published = make_loop(Selector={"Pick": pick, "Field": field})["Each.result"].execute(context)

    assert published["Selected"]["Name"] == name


def test_iterations_whose_step_was_skipped_are_not_compared(make_loop: Any, context: Any, states: Any) -> None:
    states["First"][1] = "skipped"
    field = {"Get": "IterationOutput.First.Score"}
    published = make_loop(Selector={"Pick": "MaxBy", "Field": field})["Each.result"].execute(context)

    assert published["Selected"]["Name"] == "first 0"


def test_what_cannot_be_compared_fails_the_step(make_loop: Any, context: Any, states: Any) -> None:
    selector = {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.First.Name"}}
    reason = "iterations are compared by numbers, but that of iteration 0 is"

    with pytest.raises(StepError, match=rf"Step Each: Selector: IterationOutput\.First\.Name: {reason}"):
        make_loop(Selector=selector)["Each.result"].execute(context)


def test_iterations_without_the_value_are_not_compared(make_loop: Any, context: Any, ti: Any, states: Any) -> None:
    field = {"Get": "IterationOutput.First.Score"}
    selector = {"Pick": "MaxBy", "Field": field}
    ti.published_by("First[1]", {"Name": "without"})

    assert make_loop(Selector=selector)["Each.result"].execute(context)["Selected"]["Name"] == "first 0"

    ti.published_by("First[0]", {"Name": "without"})
    assert "Selected" not in make_loop(Selector=selector)["Each.result"].execute(context)


@pytest.mark.parametrize("reached", [True, False])
def test_iterations_that_a_fail_step_kept_from_starting_fail_the_step(
    make_tasks: Any, loop: Any, context: Any, states: Any, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    states["Second"] = {0: "success", 1: "skipped"}
    monkeypatch.setattr(fail_step, "task_states", lambda *_: {"Stop": "failed" if reached else "skipped"})
    stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}
    result = make_tasks(loop(), stop, parameters=ITEMS_PARAMETER)["Each.result"]

    if not reached:  # a trigger between body steps did not hold
        assert result.execute(context)["Status"] == "Succeeded"
        return
    with pytest.raises(StepFailedError, match="not every iteration has run: Fail step Stop has ended this run"):
        result.execute(context)
    assert read_properties(context, "Each.result")["Status"] == "Failed"
    assert read_status(context, "Each.result") is StepStatus.FAILED


def test_an_empty_list_succeeds_and_selects_nothing(make_loop: Any, context: Any, ti: Any, states: Any) -> None:
    ti.published_by("Each.items", [])
    states.update({"Each.turn": {-1: "skipped"}, "First": {-1: "skipped"}, "Second": {-1: "skipped"}})
    field = {"Get": "IterationOutput.First.Score"}

    published = make_loop(Selector={"Pick": "MaxBy", "Field": field})["Each.result"].execute(context)

    assert (published["Status"], published["InputItemCount"], "Selected" in published) == ("Succeeded", 0, False)


def test_a_failed_iteration_fails_the_step_with_its_reason_after_the_numbers_are_published(
    make_loop: Any, context: Any, ti: Any, states: Any
) -> None:
    states["First"][1], states["Second"][1] = "failed", "upstream_failed"
    ti.published_by("First[1]", "AlgorithmError: no", FAILURE_KEY)

    with pytest.raises(StepFailedError) as failed:
        make_loop()["Each.result"].execute(context)

    assert str(failed.value) == "Step Each: 1 of 2 iterations failed:\n    First-1 Failed: AlgorithmError: no"
    assert failed.value.exception_type is None, "to be retried by nobody"
    assert read_status(context, "Each.result") is StepStatus.FAILED
    published = read_properties(context, "Each.result")
    assert (published["Status"], published["FailedStepCount"]) == ("PartiallySucceeded", 1)
    assert published["IterationOutputs"][1] == {"First": {"Score": 0.75, "Name": "first 1"}}


def test_a_stopped_body_step_is_counted_as_such(make_loop: Any, context: Any, ti: Any, states: Any) -> None:
    states["Second"][0] = "failed"
    ti.published_by("Second[0]", "Stopped", STATUS_KEY)

    with pytest.raises(StepFailedError, match="Second-0 Stopped: see the log of its task"):
        make_loop()["Each.result"].execute(context)

    published = read_properties(context, "Each.result")
    assert (published["StoppedStepCount"], published["FailedStepCount"]) == (1, 0)


def test_an_iteration_that_never_got_its_turn_fails_the_step(make_loop: Any, context: Any, states: Any) -> None:
    states["Each.turn"][1] = "failed"
    states["First"][1] = states["Second"][1] = "upstream_failed"

    with pytest.raises(StepFailedError, match="1 of 2 iterations failed:\n    turn-1 Failed: see the log of its task"):
        make_loop()["Each.result"].execute(context)

    assert read_properties(context, "Each.result")["Status"] == "Failed"


def test_when_the_items_were_skipped_so_is_the_step(make_loop: Any, context: Any, states: Any) -> None:
    states["Each.items"] = "skipped"

    with pytest.raises(AirflowSkipException, match=r"Step Each does not run: its task Each.items was skipped"):
        make_loop()["Each.result"].execute(context)


def test_when_the_items_failed_the_step_fails_with_their_reason(
    make_loop: Any, context: Any, ti: Any, states: Any
) -> None:
    states["Each.items"] = "failed"
    ti.published_by("Each.items", "IterableItems: expected a list", FAILURE_KEY)

    with pytest.raises(StepFailedError, match=r"^Step Each: IterableItems: expected a list$"):
        make_loop()["Each.result"].execute(context)


def test_a_step_that_did_not_begin_says_that_it_did_not_run_although_its_task_fails(
    make_loop: Any, context: Any, states: Any
) -> None:
    states["Each.items"] = "upstream_failed"

    with pytest.raises(StepError, match=r"did not run: its task Each.items is upstream_failed"):
        make_loop()["Each.result"].execute(context)

    assert read_status(context, "Each.result") is StepStatus.NOT_RUN


def test_items_marked_successful_by_hand_are_no_items(make_loop: Any, context: Any, ti: Any, states: Any) -> None:
    del ti.xcoms["Each.items", "return_value"]

    with pytest.raises(StepError, match="has published no items"):
        make_loop()["Each.result"].execute(context)


def test_the_result_is_not_retried_for_failed_iterations(make_loop: Any, make_tasks: Any, loop: Any) -> None:
    tasks = make_tasks(loop(), parameters=ITEMS_PARAMETER, overrides={"Each": {"retries": 2}})

    assert tasks["Each.items"].retry_policy.unmatched_retries == 2
    assert tasks["Each.result"].retry_policy.unmatched_retries == 0
    assert tasks["Each.result"].retries >= 3, "a worker may die"


# -- the tasks around it -----------------------------------------------------------------------------------------------


def test_a_body_step_that_fails_tells_the_result_why(make_tasks: Any, loop: Any, context: Any, ti: Any) -> None:
    task, ti.task_id = make_tasks(loop(), parameters=ITEMS_PARAMETER)["First"], "First"

    def fail(_: Any) -> None:
        raise StepFailedError("First-1", "the processing job x ended Failed: no\nlast lines of its log:")

    task.act = fail
    with pytest.raises(StepFailedError):
        task.execute(context)

    assert read_failure(context, "First") == "the processing job x ended Failed: no"


def test_a_step_outside_of_loops_tells_why_it_failed(make_tasks: Any, processing: Any, context: Any, ti: Any) -> None:
    task, ti.task_id = make_tasks(processing("Work"))["Work"], "Work"

    def fail(_: Any) -> None:
        raise StepFailedError("Work", "no")

    task.act = fail
    with pytest.raises(StepFailedError):
        task.execute(context)

    assert ti.xcoms == {("Work", FAILURE_KEY): '"no"'}


def test_a_condition_skips_the_items_of_a_loop_in_the_branch_not_taken(
    make_tasks: Any, condition: Any, loop: Any, context: Any
) -> None:
    tasks = make_tasks(condition("Check", "no", [loop()], []), parameters=ITEMS_PARAMETER)

    with pytest.raises(DownstreamTasksSkipped) as skipped:
        tasks["Check"].execute(context)

    assert list(skipped.value.tasks) == ["Each.items"]
