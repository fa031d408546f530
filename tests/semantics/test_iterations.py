"""The iterations of a ForEach: items, ends, numbers."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.semantics.iterations import (
    Child,
    NoItemsError,
    child_name,
    ended_iterations,
    failures_in_words,
    items_of,
    loop_properties,
)
from airflow_sm_pipelines.semantics.readiness import StepStatus

SUCCEEDED, FAILED, STOPPED, NOT_RUN = StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.STOPPED, StepStatus.NOT_RUN


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (["a", 1], ["a", 1]),
        ('["a", 1, 2.5, true, null, {"name": "x"}]', ["a", 1, 2.5, True, None, {"name": "x"}]),
        ("[]", []),
        ([], []),
    ],
)
def test_items_are_a_list_or_a_text_that_holds_one(value: Any, items: list[Any]) -> None:
    assert items_of(value) == items


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("a,b", "expected a text that holds a JSON list, found the string 'a,b'"),
        ("", "expected a text that holds a JSON list"),
        ('{"a": 1}', "found one that holds an object"),
        ("7", "found one that holds"),
        ("[" * 100_000, "expected a text that holds a JSON list"),
        (7, "expected a list, or a text that holds a JSON list"),
        ({"a": 1}, "expected a list, or a text that holds a JSON list"),
    ],
)
def test_anything_else_is_refused(value: Any, complaint: str) -> None:
    with pytest.raises(NoItemsError, match=complaint):
        items_of(value)


def test_a_child_is_called_as_the_service_calls_it() -> None:
    assert child_name("ProcessItem", 0) == "ProcessItem-0"


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_an_iteration_has_ended_when_all_of_its_steps_have(state: str) -> None:
    assert ended_iterations([{0: state, 1: "success"}, {0: "success", 1: "success"}]) == {0, 1}


@pytest.mark.parametrize(
    "state",
    [None, "scheduled", "queued", "running", "restarting", "deferred", "up_for_retry", "up_for_reschedule"],
)
def test_an_iteration_with_a_step_that_goes_on_has_not_ended(state: str | None) -> None:
    assert ended_iterations([{0: state, 1: "success"}, {0: "success", 1: "success"}]) == {1}


def test_a_step_whose_task_airflow_has_not_made_yet_has_not_ended() -> None:
    assert ended_iterations([{0: "success", 1: "success"}, {0: "success"}]) == {0}
    # Before it is mapped, a task has one instance that belongs to no iteration.
    assert ended_iterations([{0: "success"}, {-1: None}]) == frozenset()


def test_the_numbers_are_of_body_steps_and_the_outputs_by_iteration_and_step() -> None:
    children = [
        Child("A", 0, SUCCEEDED, {"x": 1}),
        Child("B", 0, SUCCEEDED, {"y": 1}),
        Child("A", 1, SUCCEEDED, {"x": 2}),
        Child("B", 1, NOT_RUN),
    ]

    assert loop_properties(2, ("A", "B"), children) == {
        "Status": "Succeeded",
        "InputItemCount": 2,
        "TotalStepCount": 4,
        "SucceededStepCount": 3,
        "FailedStepCount": 0,
        "StoppedStepCount": 0,
        "IterationOutputs": [{"A": {"x": 1}, "B": {"y": 1}}, {"A": {"x": 2}}],
    }


def test_an_empty_list_is_a_success_without_outputs() -> None:
    found = loop_properties(0, ("A",), [])

    assert (found["Status"], found["TotalStepCount"], found["IterationOutputs"]) == ("Succeeded", 0, [])


@pytest.mark.parametrize(
    ("statuses", "status", "failed", "stopped"),
    [
        ((SUCCEEDED, FAILED), "PartiallySucceeded", 1, 0),
        ((STOPPED, SUCCEEDED), "PartiallySucceeded", 0, 1),
        ((STOPPED, FAILED), "Failed", 1, 1),
    ],
)
def test_failed_and_stopped_steps_are_counted_apart_and_both_fail_their_iteration(
    statuses: tuple[StepStatus, ...], status: str, failed: int, stopped: int
) -> None:
    found = loop_properties(2, ("A",), [Child("A", index, one) for index, one in enumerate(statuses)])

    assert (found["Status"], found["FailedStepCount"], found["StoppedStepCount"]) == (status, failed, stopped)


def test_the_failures_are_named_with_their_reasons() -> None:
    children = [
        Child("A", 0, SUCCEEDED),
        Child("A", 1, FAILED, reason="AlgorithmError: no"),
        Child("B", 1, NOT_RUN),
        Child("A", 2, STOPPED),
    ]

    assert failures_in_words(3, children).splitlines() == [
        "2 of 3 iterations failed:",
        "    A-1 Failed: AlgorithmError: no",
        "    A-2 Stopped: see the log of its task",
    ]
    assert failures_in_words(3, children[:1]) == ""


def test_of_many_failures_ten_are_named() -> None:
    words = failures_in_words(12, [Child("A", index, FAILED) for index in range(12)]).splitlines()

    assert (words[0], len(words), words[-1]) == ("12 of 12 iterations failed:", 12, "    and 2 more")
