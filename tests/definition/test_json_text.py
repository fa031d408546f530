from __future__ import annotations

import datetime

import pytest

from airflow_sm_pipelines.definition.json_text import decode, encode
from airflow_sm_pipelines.definition.shapes import Faults


def faults_of(text, path=""):
    faults = Faults()
    assert decode(text, path, faults) is None
    return [(fault.path, fault.message) for fault in faults]


def unsound(text, path=""):
    """Return path, message and place of each fault, without the line that is shown below the message."""
    return [(path, *message.partition("\n")[0].split(", at ")) for path, message in faults_of(text, path)]


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
    twice = "duplicate key in an object: {}; JSON parsers disagree on which value counts"
    assert unsound('{"Steps": [{"Name": "A", "Type": "x", "Name": "B"}], "d": {"a": 1, "a": {"b": NaN}}}') == [
        ("Steps[0]", twice.format("'Name'"), "line 1, column 39:"),
        ("d", twice.format("'a'"), "line 1, column 68:"),
        ("d.a.b", "NaN is not valid JSON: numbers must be finite", "line 1, column 79:"),
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_not_a_number_is_a_fault_at_its_place(number):
    assert unsound(f'{{"a": [1, {number}]}}') == [
        ("a[1]", f"{number} is not valid JSON: numbers must be finite", "line 1, column 11:")
    ]


def test_a_number_beyond_a_double_is_a_fault():
    assert unsound('{"a": 1e999}') == [("a", "the number 1e999 is out of range", "line 1, column 7:")]


def test_a_number_of_too_many_digits_is_a_fault():
    [(path, message, _)] = unsound(f'{{"a": {"9" * 5000}}}')
    assert path == "a"
    assert message == f"the integer {'9' * 40}… is out of range: integers have at most 64 bits"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_an_integer_of_more_than_64_bits_is_a_fault(number):
    [(path, message, place)] = unsound(f"[\n 1, {number}]")
    assert (path, place) == ("[1]", "line 2, column 5:")
    assert "out of range: integers have at most 64 bits" in message


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, -0])
def test_an_integer_of_64_bits_is_none(number):
    assert decode(f'{{"a": {number}}}', "", Faults()) == {"a": number}


def test_half_a_surrogate_pair_is_a_fault_as_value_and_as_key():
    assert unsound('{"a": "x\\ud800", "\\udc00": 1, "b": "\\ud83d\\ude00"}') == [
        ("a", "the string 'x\\ud800' holds half a surrogate pair, which is no character", "line 1, column 7:"),
        ("", "the key '\\udc00' holds half a surrogate pair, which is no character", "line 1, column 18:"),
    ]


def test_a_fault_shows_the_line_with_a_mark_below_the_place():
    assert faults_of('{\n  "a": 1\n\t"b": 2\n}') == [
        ("", "not JSON: Expecting ',' delimiter, at line 3, column 2:\n     \"b\": 2\n     ^")
    ]


def test_of_a_long_line_only_the_part_around_the_place_is_shown():
    text = "[" + "1, " * 10_000 + "x" + ", 1" * 10_000 + "]"
    [(_, message)] = faults_of(text)
    head, line, mark = message.split("\n")
    assert head == "not JSON: Expecting value, at line 1, column 30002:"
    assert len(line) < 120
    assert line.strip().startswith("…")
    assert line.endswith("…")
    assert line[mark.index("^")] == "x"


def test_an_empty_text_is_said_to_be_empty():
    assert faults_of("\n \n") == [("", "not JSON: the text is empty")]


def test_the_lines_of_a_text_that_nobody_wrote_are_not_shown():
    faults = Faults()
    decode('{"a": NaN}', "", faults, is_authored=False)
    assert [fault.message for fault in faults] == ["NaN is not valid JSON: numbers must be finite"]


def test_deep_nesting_is_a_fault_and_no_recursion():
    assert "nested too deeply" in faults_of("[" * 100_000)[0][1]


def test_text_inside_another_document_keeps_its_path():
    assert unsound('{"a": NaN}', "PipelineDefinition") == [
        ("PipelineDefinition.a", "NaN is not valid JSON: numbers must be finite", "line 1, column 7:")
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


def test_an_integer_of_too_many_digits_is_a_fault_in_a_python_object_too():
    assert encode_faults({"a": 10**5000}) == [("", "not JSON: a number has too many digits")]


def test_deep_python_nesting_is_a_fault_and_no_recursion():
    document: list[object] = []
    for _ in range(100_000):
        document = [document]
    assert "nested too deeply" in encode_faults({"a": document})[0][1]
    while document:  # else Python's own deallocation would recurse
        document = document.pop()
