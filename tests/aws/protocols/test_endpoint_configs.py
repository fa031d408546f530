"""When a description of AWS is what a request asked for."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.protocols.endpoint_configs import differences


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (1, 1.0),
        (None, False),
        ([], None),
        ({"A": 1}, {"A": 1, "FilledIn": "by AWS"}),
        ([{"A": 1}], [{"A": 1, "FilledIn": "by AWS"}]),
    ],
)
def test_what_aws_fills_in_is_no_difference(wanted: Any, found: Any) -> None:
    assert list(differences(wanted, found, "X")) == []


@pytest.mark.parametrize(
    ("wanted", "found", "places"),
    [
        ("a", "b", ["X"]),
        (None, "only there", ["X"]),
        ("only here", None, ["X"]),
        ([1], [1, 2], ["X"]),
        ([{"A": 1}, {"A": 2}], [{"A": 1}, {"A": 3}], ["X[1].A"]),
        ({"A": {"B": 1, "C": 2}}, {"A": {"B": 2}}, ["X.A.B", "X.A.C"]),
        ({"A": 1}, "text", ["X"]),
    ],
)
def test_each_difference_is_named_by_its_place(wanted: Any, found: Any, places: list[str]) -> None:
    assert list(differences(wanted, found, "X")) == places
