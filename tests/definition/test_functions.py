from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.functions import Join, JsonGet, is_expression, parse_expression
from airflow_sm_pipelines.definition.references import Reference
from airflow_sm_pipelines.errors import ExpressionSyntaxError

PROPERTY_FILE = {"Get": "Steps.E.PropertyFiles.R"}


@pytest.mark.parametrize(
    "value",
    [
        {"Get": "Parameters.X", "Other": 1},
        {"get": "Parameters.X"},
        {},
        {"Std:Concat": []},
        "Parameters.X",
        '{"Get": "Parameters.X"}',
        ["Get", "Parameters.X"],
        None,
        {"On": "-", "Values": [], "More": 1},
        {"On": 1, "Values": []},
        {"On": "-", "Values": "x"},
    ],
)
def test_what_has_not_exactly_one_key_of_an_expression_is_data(value):
    assert parse_expression(value) is None
    assert not is_expression(value)


def test_get():
    assert isinstance(parse_expression({"Get": "Parameters.X"}), Reference)


def test_join():
    join = parse_expression({"Std:Join": {"On": "/", "Values": ["a", {"Get": "Parameters.X"}]}})
    assert join == Join("/", ["a", {"Get": "Parameters.X"}], ("Std:Join", "Values"))


def test_join_without_its_key_is_a_join_outside_payloads():
    value = {"On": "-", "Values": ["a"]}
    assert parse_expression(value) == Join("-", ["a"], ("Values",))
    assert parse_expression(value, payload=True) is None
    assert is_expression(value)
    assert not is_expression(value, payload=True)


def test_json_get_of_a_property_file():
    found = parse_expression({"Std:JsonGet": {"PropertyFile": PROPERTY_FILE, "Path": "a.b['c d'][0]"}})
    assert isinstance(found, JsonGet)
    assert isinstance(found.source, Reference)
    assert found.path == ("a", "b", "c d", 0)


@pytest.mark.parametrize(("text", "path"), [("$.a", ("a",)), ("$", ()), ("$['a']", ("a",)), ("$a", ("$a",)), ("", ())])
def test_json_get_path_may_start_with_the_root(text, path):
    found = parse_expression({"Std:JsonGet": {"PropertyFile": PROPERTY_FILE, "Path": text}})
    assert isinstance(found, JsonGet)
    assert found.path == path


def test_json_get_of_an_s3_uri():
    uri = {"Std:Join": {"On": "/", "Values": ["s3://b", "results.json"]}}
    found = parse_expression({"Std:JsonGet": {"S3Uri": uri, "Path": "Result['auc']"}})
    assert found == JsonGet(uri, ("Result", "auc"), "Result['auc']")


@pytest.mark.parametrize(
    ("value", "message", "member"),
    [
        ({"Get": 5}, "Get takes the text of a reference, not the number 5", ("Get",)),
        ({"Get": "Nope.X"}, "is not a known reference", ("Get",)),
        ({"Std:Join": []}, "Std:Join takes an object, not an empty list", ("Std:Join",)),
        ({"Std:Join": {"On": "/"}}, "takes exactly the members 'On', 'Values'", ("Std:Join",)),
        ({"Std:Join": {"On": {"Get": "Parameters.X"}, "Values": []}}, "On takes a literal string", ("Std:Join", "On")),
        ({"Std:Join": {"On": "/", "Values": "a"}}, "Values takes a list", ("Std:Join", "Values")),
        ({"Std:JsonGet": {"PropertyFile": PROPERTY_FILE}}, "exactly the members", ("Std:JsonGet",)),
        (
            {"Std:JsonGet": {"PropertyFile": PROPERTY_FILE, "Path": {"Get": "Parameters.X"}}},
            "Path takes a literal string",
            ("Std:JsonGet", "Path"),
        ),
        ({"Std:JsonGet": {"PropertyFile": PROPERTY_FILE, "Path": "a["}}, "is malformed at", ("Std:JsonGet", "Path")),
        (
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.E.ModelName"}, "Path": "a"}},
            "not `Steps.E.ModelName`",
            ("Std:JsonGet", "PropertyFile"),
        ),
        ({"Std:JsonGet": {"PropertyFile": "R", "Path": "a"}}, "not the string 'R'", ("Std:JsonGet", "PropertyFile")),
        ({"Std:JsonGet": {"S3Uri": 1, "Path": "a"}}, "S3Uri takes a string or an expression", ("Std:JsonGet", "S3Uri")),
    ],
)
def test_malformed_expression_is_refused_at_its_member(value, message, member):
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse_expression(value)
    assert message in str(caught.value)
    assert caught.value.member == member
