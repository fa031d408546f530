"""ForEach: items, ends, numbers; MaxConcurrency; the selector."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.errors import IterableItemsError, SelectorValueError
from airflow_sm_pipelines.semantics.for_each import (
    Child,
    child_name,
    ended_iterations,
    ends_awaited,
    failures_in_words,
    items_of,
    loop_properties,
    selected_iteration,
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
        ("[1, NaN]", r"the list `\[1\]` in it is NaN, which is not a finite number"),
        (f"[{2**63}]", r"the list `\[0\]` in it is an integer of more than 64 bits"),
        ("[" * 101 + "]" * 101, "the list is nested deeper than 100 levels"),
        (7, "expected a list, or a text that holds a JSON list"),
        ({"a": 1}, "expected a list, or a text that holds a JSON list"),
    ],
)
def test_anything_else_is_refused(value: Any, complaint: str) -> None:
    with pytest.raises(IterableItemsError, match=complaint):
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


# -- MaxConcurrency ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "limit", "ended", "awaited"),
    [
        (0, 1, set(), 0),
        (1, 2, set(), 0),
        (2, 2, set(), 1),
        (2, 2, {1}, 0),
        (4, 2, set(), 3),
        (4, 2, {0, 2}, 1),
        (4, 2, {0, 2, 3}, 0),
        (3, 50, set(), 0),
    ],
)
def test_an_iteration_waits_for_enough_of_those_before_it(
    index: int, limit: int, ended: set[int], awaited: int
) -> None:
    assert ends_awaited(index, limit, ended) == awaited


def test_iterations_behind_it_do_not_count() -> None:
    assert ends_awaited(1, 1, {2, 3}) == 1


@given(items=st.integers(0, 12), limit=st.integers(1, 6), data=st.data())
def test_in_any_order_of_events_no_more_than_the_limit_are_open_and_all_end(
    items: int, limit: int, data: st.DataObject
) -> None:
    waiting, is_open, ended = set(range(items)), set[int](), set[int]()
    while waiting or is_open:
        ready = sorted(index for index in waiting if ends_awaited(index, limit, ended) == 0)
        events = [("enter", index) for index in ready] + [("end", index) for index in sorted(is_open)]
        assert events, f"stuck: {waiting} wait, {ended} have ended"
        event, index = data.draw(st.sampled_from(events))
        if event == "enter":
            waiting.remove(index)
            is_open.add(index)
        else:
            is_open.remove(index)
            ended.add(index)
        assert len(is_open) <= limit
    assert ended == set(range(items))


@given(items=st.integers(1, 10), limit=st.integers(1, 4), data=st.data())
def test_a_look_that_is_old_never_lets_too_many_in(items: int, limit: int, data: st.DataObject) -> None:
    """A worker decides by what it saw some time ago: iterations may have ended since, none can have re-opened."""
    waiting, is_open, ended = set(range(items)), set[int](), set[int]()
    looks: dict[int, set[int]] = {}
    while waiting or is_open:
        events = [("look", index) for index in sorted(waiting) if looks.get(index) != ended]
        events += [("end", index) for index in sorted(is_open)]
        events += [("enter", index) for index, seen in sorted(looks.items()) if ends_awaited(index, limit, seen) == 0]
        event, index = data.draw(st.sampled_from(events))
        if event == "look":
            looks[index] = set(ended)
        elif event == "enter":
            del looks[index]
            waiting.remove(index)
            is_open.add(index)
        else:
            is_open.remove(index)
            ended.add(index)
        assert len(is_open) <= limit


def test_where_an_iteration_is_opened_again_those_that_come_wait_for_it() -> None:
    assert ends_awaited(4, 2, {0, 1, 2}) == 0
    assert ends_awaited(4, 2, {0, 2}) == 1


# -- Selector ----------------------------------------------------------------------------------------------------------


def test_max_by_takes_the_largest_and_min_by_the_smallest() -> None:
    values: dict[int, Any] = {0: 0.5, 1: 3, 2: -1.25}

    assert selected_iteration("MaxBy", values) == 1
    assert selected_iteration("MinBy", values) == 2


@pytest.mark.parametrize("pick", ["MaxBy", "MinBy"])
def test_of_equal_values_the_first_iteration_is_taken(pick: str) -> None:
    assert selected_iteration(pick, {2: 1.0, 1: 1, 3: 1}) == 1


def test_integers_beyond_a_double_are_compared() -> None:
    assert selected_iteration("MaxBy", {0: 10**400, 1: 10**401}) == 1


def test_without_iterations_nothing_is_selected() -> None:
    assert selected_iteration("MaxBy", {}) is None


@pytest.mark.parametrize("value", ["0.5", True, None, [1], {"a": 1}, float("nan"), float("inf")])
def test_only_numbers_are_compared(value: Any) -> None:
    with pytest.raises(SelectorValueError, match="compared by numbers, but that of iteration 1 is"):
        selected_iteration("MaxBy", {0: 1, 1: value})
