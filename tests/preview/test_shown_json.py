"""The JSON of a definition as people read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.preview.shown_json import is_short, laid_out, masked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["Get", "Std:Join", "a", 'b"\n}']) | st.text(), inner)
    ),
    max_leaves=20,
)


def is_secret(name: str) -> bool:
    return "password" in name.lower()


@given(JSON)
def test_laid_out_text_says_the_same(value: Any) -> None:
    assert json.loads(laid_out(value)) == value


def test_a_reference_has_one_line() -> None:
    assert laid_out({"S3Uri": {"Get": "Parameters.Uri"}, "é": [1]}) == (
        '{\n  "S3Uri": {"Get": "Parameters.Uri"},\n  "é": [\n    1\n  ]\n}'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"DB_PASSWORD": "x", "User": "me"}, {"DB_PASSWORD": "***", "User": "me"}),
        ([{"Password": ["x", 1]}, {"Password": {"Std:Join": ["x"]}}], [{"Password": "***"}, {"Password": "***"}]),
        ({"Name": "Password", "DefaultValue": "x"}, {"Name": "Password", "DefaultValue": "***"}),
        ({"Name": "PASSWORD", "Value": "x", "Other": "y"}, {"Name": "PASSWORD", "Value": "***", "Other": "y"}),
        ({"Key": "password", "Value": 5}, {"Key": "password", "Value": "***"}),
        ({"Name": "User", "Value": "me"}, {"Name": "User", "Value": "me"}),
        ({"Name": {"Get": "x"}, "Value": "me"}, {"Name": {"Get": "x"}, "Value": "me"}),
    ],
)
def test_a_secret_is_not_shown(value: Any, expected: Any) -> None:
    assert masked(value, is_secret) == expected


@pytest.mark.parametrize("value", [{"Get": "Parameters.Password"}, None, True])
def test_a_reference_to_a_secret_tells_nothing_and_is_shown(value: Any) -> None:
    assert masked({"Password": value}, is_secret) == {"Password": value}


@given(JSON)
def test_where_nothing_is_secret_nothing_is_hidden(value: Any) -> None:
    assert masked(value, lambda name: False) == value


def test_only_a_short_definition_is_shown_whole() -> None:
    assert is_short(16_000)
    assert not is_short(16_001)
