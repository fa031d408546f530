"""Values of pipeline parameters that an event gives."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.semantics.event_parameters import EventValueError, check_event_parameters, event_values

EVENT: Any = {
    "id": "1",
    "source": "aws.s3",
    "resources": ["arn:aws:s3:::bucket", "other"],
    "detail": {"object": {"key": "data/1.csv", "size": 12}, "a-b": True, "tags": {"k": [1]}, "none": None, "x y": "z"},
}


def test_a_static_value_goes_to_every_run() -> None:
    parameters = {"Type": "ml.m5.large", "Price": "$5", "Empty": ""}

    assert event_values(parameters, EVENT) == parameters
    assert event_values(parameters, {}) == parameters


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.detail.object.key", "data/1.csv"),
        ("$.source", "aws.s3"),
        ("$.resources[0]", "arn:aws:s3:::bucket"),
        ("$['detail']['x y']", "z"),
        ("$.detail.a-b", "true"),
        ("$.detail.object.size", "12"),
        ("$.detail.tags", '{"k": [1]}'),
    ],
)
def test_a_dynamic_value_is_read_from_the_event_as_a_text(path: str, value: str) -> None:
    check_event_parameters({"P": path})

    assert event_values({"P": path}, EVENT) == {"P": value}


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("$.detail.object.name", "$.detail.object has the members 'key', 'size'"),
        ("$.resources[2]", "$.resources is a list of 2"),
        ("$.resources.first", "$.resources is a list of 2"),
        ("$.source.name", '$.source is "aws.s3"'),
    ],
)
def test_a_path_that_leads_to_nothing_is_told_with_what_is_there(path: str, complaint: str) -> None:
    with pytest.raises(EventValueError) as refused:
        event_values({"P": path}, EVENT)

    assert str(refused.value) == f"parameter P: {path} leads to nothing in the event; {complaint}"


def test_null_is_no_value() -> None:
    with pytest.raises(EventValueError, match=r"parameter P: \$\.detail\.none is null in the event"):
        event_values({"P": "$.detail.none"}, EVENT)


@pytest.mark.parametrize("path", ["$.", "$.a..b", "$.a[x]", "$[]", "$.a[*]", "$.a.", "$.a b"])
def test_a_path_that_does_not_follow_the_grammar_is_refused_when_the_file_is_parsed(path: str) -> None:
    with pytest.raises(EventValueError, match=r"is not a JSON path; allowed: names and positions"):
        check_event_parameters({"P": path})


def test_a_value_that_is_no_text_is_refused_when_the_file_is_parsed() -> None:
    with pytest.raises(EventValueError, match='parameter P: its value must be a text, not 3; write "3"'):
        check_event_parameters({"P": 3})  # type: ignore[dict-item]
