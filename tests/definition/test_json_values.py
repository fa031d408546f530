from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.json_values import describe, list_names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "the number 3"),
        (2.5, "the number 2.5"),
        (1e300, "the number 1e+300"),
        ("abc", "the string 'abc'"),
        ("x" * 100, f"the string '{'x' * 59}…'"),
        ([], "an empty list"),
        ([1, 2], "a list of 2"),
        ({}, "an empty object"),
        ({"a": 1, "b": 2}, "an object with 'a', 'b'"),
    ],
)
def test_describe(value, text):
    assert describe(value) == text


def test_long_lists_of_names_are_cut():
    assert list_names(str(number) for number in range(20)).endswith("'11' and 8 more")
    assert list_names(str(number) for number in range(12)).endswith("'11'")


def test_numbers_of_many_digits_are_not_written_out():
    assert describe(10**5000) == "the number (more than 100 digits)"
