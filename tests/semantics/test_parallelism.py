"""MaxConcurrency: how many iterations are open at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.parallelism import ends_awaited


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
