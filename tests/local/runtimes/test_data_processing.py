from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.runtimes.data_processing import DataProcessing
from airflow_sm_pipelines.local.runtimes.serving_process import InvocationError


def processing(input_filter="$", output_filter="$", join="None", content_type="text/csv", accept=""):
    return DataProcessing(
        input_filter=input_filter,
        output_filter=output_filter,
        join_source=join,
        content_type=content_type,
        accept=accept,
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", "1,2,3,4\n"),
        ("$[1:]", "2,3,4\n"),
        ("$[:-1]", "1,2,3\n"),
        ("$[0]", "1\n"),
        ("$[0,2]", "1,3\n"),
        ("$[-1]", "4\n"),
    ],
)
def test_columns_of_csv_are_selected(path, expected):
    assert processing(path).filter_input(b"1,2,3,4\n") == expected.encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("$.features", b"[1, 2]"), ("$['features'][0]", b"1"), ("$.a.b", b'{"c": 0}'), ("$", b'{"features": [1, 2]}')],
)
def test_members_of_json_are_selected(path, expected):
    document = b'{"features": [1, 2]}' if path == "$" else b'{"features": [1, 2], "a": {"b": {"c": 0}}}'
    assert processing(path, content_type="application/json").filter_input(document) == expected


def test_an_answer_is_joined_to_its_csv_record_and_filtered_after_that():
    assert processing(join="Input").join(b"1,2\n3,4\n", b"0.5\n0.6\n") == b"1,2,0.5\n3,4,0.6\n"
    assert processing(join="Input", output_filter="$[0,-1]").join(b"1,2\n", b"0.5\n") == b"1,0.5\n"


def test_an_answer_becomes_the_member_sagemakeroutput_of_a_json_record():
    joined = processing(join="Input", content_type="application/jsonlines").join(b'{"a": 1}\n{"a": 2}', b"[0]\n[1]")
    assert joined == b'{"a": 1, "SageMakerOutput": [0]}\n{"a": 2, "SageMakerOutput": [1]}'
    listed = processing(join="Input", content_type="application/json").join(b"[1]", b"0.5")
    assert listed == b'{"SageMakerInput": [1], "SageMakerOutput": 0.5}'


def test_an_answer_without_filters_and_joins_stays_as_it_is():
    assert processing(content_type="application/x-npy").join(b"in", b"\xff") == b"\xff"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: processing("$..a"), "cannot read the JSONPath"),
        (lambda: processing("$.a", content_type="application/json").filter_input(b"{}"), "selects nothing"),
        (lambda: processing("$[0]", content_type="image/png").filter_input(b"x"), "not image/png"),
        (lambda: processing("$[0]", content_type="application/json").filter_input(b"{"), "are no application/json"),
        (lambda: processing(join="Input").join(b"1\n2\n", b"1\n"), "2 records cannot be joined with 1 answers"),
    ],
)
def test_what_cannot_be_done_is_told(call, expected):
    with pytest.raises(InvocationError, match=expected.replace("$", r"\$")):
        call()
