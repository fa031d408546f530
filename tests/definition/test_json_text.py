from __future__ import annotations

import datetime

import pytest

from airflow_sm_pipelines.definition.json_text import decode, encode
from airflow_sm_pipelines.definition.shapes import Faults


def faults_of(text, path=""):
    faults = Faults()
    assert decode(text, path, faults) is None
    return [(fault.path, fault.message) for fault in faults]


def test_types_are_kept():
    faults = Faults()
    value = decode('{"a": [1, 1.0, "x", true, null, 1e3]}', "", faults)
    assert value == {"a": [1, 1.0, "x", True, None, 1000.0]}
    assert [type(entry).__name__ for entry in value["a"]] == ["int", "float", "str", "bool", "NoneType", "float"]
    assert not faults


def test_malformed_json_is_refused_with_line_and_column():
    [(path, message)] = faults_of('{\n  "a": 1,\n  b\n}')
    assert path == ""
    assert "at line 3, column 3" in message


def test_a_key_that_appears_twice_is_a_fault_at_its_object():
    assert faults_of('{"Steps": [{"Name": "A", "Type": "x", "Name": "B"}], "d": {"a": 1, "a": {"b": NaN}}}') == [
        ("Steps[0]", "duplicate key in an object: 'Name'; JSON parsers disagree on which value counts"),
        ("d", "duplicate key in an object: 'a'; JSON parsers disagree on which value counts"),
        ("d.a.b", "NaN is not valid JSON: numbers must be finite"),
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_not_a_number_is_a_fault_at_its_place(number):
    assert faults_of(f'{{"a": [1, {number}]}}') == [("a[1]", f"{number} is not valid JSON: numbers must be finite")]


def test_a_number_beyond_a_double_is_a_fault():
    assert faults_of('{"a": 1e999}') == [("a", "the number 1e999 is out of range")]


def test_a_number_of_too_many_digits_is_a_fault():
    assert "too many digits" in faults_of(f'{{"a": {"9" * 5000}}}')[0][1]


def test_deep_nesting_is_a_fault_and_no_recursion():
    assert "nested too deeply" in faults_of("[" * 100_000)[0][1]


def test_text_inside_another_document_keeps_its_path():
    assert faults_of('{"a": NaN}', "PipelineDefinition") == [
        ("PipelineDefinition.a", "NaN is not valid JSON: numbers must be finite")
    ]


def encode_faults(document):
    faults = Faults()
    assert encode(document, faults) == ""
    return [(fault.path, fault.message) for fault in faults]


def test_python_values_that_are_no_json_are_faults_at_their_places():
    document = {"a": [1, datetime.date(2026, 1, 1)], "b": {"c": {1, 2}}}
    assert encode_faults(document) == [
        ("a[1]", "not JSON: found a Python date"),
        ("b.c", "not JSON: found a Python set"),
    ]


def test_keys_that_are_no_json_are_faults():
    assert encode_faults({(1, 2): "a"})[0][1].startswith("not JSON: keys must be")


def test_an_object_that_contains_itself_is_a_fault():
    document: dict[str, object] = {}
    document["a"] = document
    assert "contains itself" in encode_faults(document)[0][1]


def test_deep_python_nesting_is_a_fault_and_no_recursion():
    document: list[object] = []
    for _ in range(100_000):
        document = [document]
    assert "nested too deeply" in encode_faults({"a": document})[0][1]
    while document:  # else Python's own deallocation would recurse
        document = document.pop()
