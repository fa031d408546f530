from __future__ import annotations

import dataclasses

import pytest

from airflow_sm_pipelines.definition.models import MISSING, Parameter
from airflow_sm_pipelines.errors import ParameterValueError


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("String", "x", "x"),
        ("String", "", ""),
        ("String", "3", "3"),
        ("Integer", "3", 3),
        ("Integer", " -12 ", -12),
        ("Integer", 0, 0),
        ("Integer", 3.0, 3),
        ("Float", "0.5", 0.5),
        ("Float", "1e-3", 0.001),
        ("Float", ".5", 0.5),
        ("Float", "6", 6.0),
        ("Float", 6, 6.0),
        ("Boolean", "True", True),
        ("Boolean", "false", False),
        ("Boolean", "FALSE", False),
        ("Boolean", False, False),
    ],
)
def test_start_values_arrive_as_strings_or_typed(type_, given, value):
    found = Parameter("P", type_).coerce(given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("String", 3),
        ("String", None),
        ("Integer", "3.5"),
        ("Integer", 3.5),
        ("Integer", True),
        ("Integer", "1_000"),
        ("Integer", ""),
        ("Integer", [1]),
        ("Integer", "9" * 5000),
        ("Float", "nan"),
        ("Float", "Infinity"),
        ("Float", "1e999"),
        ("Float", 10**400),
        ("Float", False),
        ("Float", None),
        ("Float", [1.5]),
        ("Boolean", "yes"),
        ("Boolean", 1),
        ("Boolean", ["true"]),
        ("Boolean", object()),
    ],
)
def test_value_of_another_type_is_refused(type_, given):
    with pytest.raises(ParameterValueError, match="parameter P must be"):
        Parameter("P", type_).coerce(given)


def test_enumeration():
    parameter = Parameter("Env", enum_values=("dev", "prod"))
    assert parameter.coerce("prod") == "prod"
    with pytest.raises(ParameterValueError, match=r"parameter Env must be one of 'dev', 'prod', not the string 'test'"):
        parameter.coerce("test")


@pytest.mark.parametrize(("type_", "default"), [("Boolean", False), ("Integer", 0), ("String", ""), ("Float", 0)])
def test_falsy_values_are_defaults(load, step, type_, default):
    pipeline = load(step("A"), Parameters=[{"Name": "P", "Type": type_, "DefaultValue": default}])
    assert pipeline.parameter("P").default == default
    assert pipeline.parameter("P").default is not MISSING


def test_no_default_is_not_null():
    assert Parameter("P").default is MISSING
    assert repr(MISSING) == "MISSING"


def test_models_are_frozen(load, step):
    pipeline = load(step("A"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        pipeline.digest = ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        pipeline.steps[0].name = "B"


def test_steps_and_parameters_are_found_by_name(load, step):
    pipeline = load(step("A"), step("B"), Parameters=[{"Name": "P"}])
    assert pipeline.step("B") is pipeline.steps[1]
    assert pipeline.parameter("P") is pipeline.parameters[0]
    with pytest.raises(KeyError):
        pipeline.step("P")
    with pytest.raises(KeyError):
        pipeline.parameter("A")
