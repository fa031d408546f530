from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.models import MISSING
from airflow_sm_pipelines.preview.json_changes import JsonChange, json_changes, same_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Name", "A", "B"]), inner, max_size=3),
    max_leaves=6,
)

# How long it takes to make a value depends on what else the machine does.
whatever_the_load = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def changes(old: Any, new: Any, **options: bool) -> list[tuple[Any, ...]]:
    return [(one.path, one.old, one.new) for one in json_changes(old, new, **options)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"A": {"B": 1}}, {"A": {"B": 2}}, [(("A", "B"), 1, 2)]),
        ({"A": 1}, {}, [(("A",), 1, MISSING)]),
        ({}, {"A": None}, [(("A",), MISSING, None)]),
        ([1, 2], [1, 3], [((1,), 2, 3)]),
        (["a"], ["a", "b"], [((), ["a"], ["a", "b"])]),
        ([{"X": 1}], [{"X": 1}, {"X": 2}], [((1,), MISSING, {"X": 2})]),
        ([{"X": 1}, {"X": 2}], [{"X": 1}], [((1,), {"X": 2}, MISSING)]),
        (True, 1, [((), True, 1)]),
        (1, 1.0, []),
    ],
)
def test_differences_are_told_at_the_deepest_place(old: Any, new: Any, expected: list[Any]) -> None:
    assert changes(old, new) == expected


def test_elements_with_names_are_compared_by_name() -> None:
    old = [{"ChannelName": "train", "X": 1}, {"ChannelName": "test", "X": 2}]
    new = [{"ChannelName": "test", "X": 3}]

    assert changes(old, new) == [(("train",), old[0], MISSING), (("test", "X"), 2, 3)]


def test_another_order_of_named_elements_is_a_change_unless_it_does_not_count() -> None:
    old, new = [{"Key": "a"}, {"Key": "b"}], [{"Key": "b"}, {"Key": "a"}]

    assert changes(old, new) == [((), ["a", "b"], ["b", "a"])]
    assert changes(old, new, order_counts=False) == []


def test_elements_whose_names_are_not_unique_are_compared_by_position() -> None:
    assert changes([{"Key": "a"}, {"Key": "a"}], [{"Key": "a"}, {"Key": "c"}]) == [((1, "Key"), "a", "c")]


@whatever_the_load
@given(VALUES)
def test_a_value_is_the_same_as_itself(value: Any) -> None:
    assert same_json(value, value)


@whatever_the_load
@given(VALUES, VALUES)
def test_what_is_not_equal_differs(one: Any, other: Any) -> None:
    def strict(value: Any) -> str:
        if isinstance(value, dict):
            return f"object {sorted((name, strict(member)) for name, member in value.items())}"
        return repr([strict(member) for member in value]) if isinstance(value, list) else repr(value)

    assert same_json(one, other) is (strict(one) == strict(other))
    assert same_json(other, one) is same_json(one, other)


def test_long_values_are_cut_in_words() -> None:
    assert JsonChange(("A", "b c"), "x", "y" * 200).in_words() == f'A[\'b c\']: "x" -> "{"y" * 159}…'
    assert JsonChange(("A",), MISSING, 1).in_words() == "A: added 1"
    assert JsonChange(("A",), 1, MISSING).in_words() == "A: removed 1"
