"""Declared outputs of Lambda and Callback steps."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.errors import OutputParametersError
from airflow_sm_pipelines.semantics.output_parameters import typed_outputs


def _declared(**types: str) -> list[dict[str, str]]:
    return [{"OutputName": name, "OutputType": kind} for name, kind in types.items()]


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("String", "ok", "ok"),
        ("String", "", ""),
        ("String", 200, "200"),
        ("String", 0.5, "0.5"),
        ("String", True, "true"),
        ("Integer", 3, 3),
        ("Integer", "3", 3),
        ("Integer", 3.0, 3),
        ("Integer", 0, 0),
        ("Float", 3, 3.0),
        ("Float", "0.25", 0.25),
        ("Float", 1e-9, 1e-9),
        ("Boolean", False, False),
        ("Boolean", "true", True),
        ("Boolean", "False", False),
    ],
)
def test_a_value_comes_out_in_its_declared_type(kind: str, value: Any, typed: Any) -> None:
    [(name, out)] = typed_outputs(_declared(x=kind), {"x": value}).items()

    assert (name, out, type(out)) == ("x", typed, type(typed))


@pytest.mark.parametrize(
    ("nested", "text"),
    [({"nested_output1": "my-output"}, '{"nested_output1":"my-output"}'), ([1, "é"], '[1,"é"]'), ([], "[]")],
)
def test_nested_values_come_back_as_json_strings(nested: Any, text: str) -> None:
    assert typed_outputs(_declared(x="String"), {"x": nested}) == {"x": text}


def test_an_output_without_a_type_is_a_string() -> None:
    assert typed_outputs([{"OutputName": "x"}], {"x": 1}) == {"x": "1"}


def test_undeclared_keys_are_ignored() -> None:
    assert typed_outputs(_declared(b="Integer", a="Integer"), {"a": 1, "c": {"any": []}, "b": 2}) == {"b": 2, "a": 1}


@pytest.mark.parametrize("returned", [{"other": 1}, {"other": 1, "x": None}])
def test_a_missing_declared_output_is_named(returned: dict[str, Any]) -> None:
    with pytest.raises(OutputParametersError, match=r"declared output 'x' was not returned \(returned: 'other'"):
        typed_outputs(_declared(x="String"), returned)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("Integer", 0.5), ("Integer", True), ("Integer", "1_000"), ("Integer", {"a": 1}), ("Float", "nan"), ("Float", []),
     ("Boolean", 1), ("Boolean", "yes")],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(OutputParametersError, match=rf"the output 'x' is declared as {kind} \(.+\), but is "):
        typed_outputs(_declared(x=kind), {"x": value})


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(OutputParametersError) as caught:
        typed_outputs(_declared(a="Integer", b="String", c="Boolean", d="Float"), {"a": "many", "c": "no"})

    assert str(caught.value) == (
        "the declared outputs 'b', 'd' were not returned (returned: 'a', 'c'); "
        "the output 'a' is declared as Integer (an integer), but is the string 'many'; "
        "the output 'c' is declared as Boolean (true or false), but is the string 'no'"
    )
