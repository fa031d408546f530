"""Selector: MaxBy and MinBy."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.semantics.selection import NotComparableError, selected_iteration


def test_max_by_takes_the_largest_and_min_by_the_smallest() -> None:
    values: dict[int, Any] = {0: 0.5, 1: 3, 2: -1.25}

    assert selected_iteration("MaxBy", values) == 1
    assert selected_iteration("MinBy", values) == 2


@pytest.mark.parametrize("pick", ["MaxBy", "MinBy"])
def test_of_equal_values_the_first_iteration_is_taken(pick: str) -> None:
    assert selected_iteration(pick, {2: 1.0, 1: 1, 3: 1}) == 1


def test_without_iterations_nothing_is_selected() -> None:
    assert selected_iteration("MaxBy", {}) is None


@pytest.mark.parametrize("value", ["0.5", True, None, [1], {"a": 1}, float("nan"), float("inf")])
def test_only_numbers_are_compared(value: Any) -> None:
    with pytest.raises(NotComparableError, match="compared by numbers, but that of iteration 1 is"):
        selected_iteration("MaxBy", {0: 1, 1: value})
