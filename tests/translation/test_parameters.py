"""Pipeline parameters as Airflow params, and what is wrong with given values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import ParameterValueError
from airflow_sm_pipelines.translation.parameters import (
    IN_A_GROUP,
    SCHEDULED,
    airflow_params,
    missing_values,
    redefined_parameters,
    wrong_values,
)

END = {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}


@pytest.fixture
def pipeline_of(definition: Any) -> Callable[..., Pipeline]:
    """Make a pipeline with some parameters."""
    return lambda *parameters: load_pipeline(definition(END, Parameters=list(parameters)))


@pytest.mark.parametrize(
    ("kind", "json_type", "value"),
    [
        ("String", "string", "x"),
        ("String", "string", ""),
        ("Integer", "integer", 3),
        ("Integer", "integer", 0),
        ("Float", "number", 0.5),
        ("Float", "number", 0.0),
        ("Boolean", "boolean", True),
        ("Boolean", "boolean", False),
    ],
)
def test_a_parameter_is_a_param_of_its_type_and_default(
    pipeline_of: Callable[..., Pipeline], kind: str, json_type: str, value: Any
) -> None:
    param = airflow_params(pipeline_of({"Name": "P", "Type": kind, "DefaultValue": value}), {})["P"]

    assert param.schema["type"] == json_type, "the form shows the field of the type"
    assert param.resolve() == value
    assert type(param.resolve()) is type(value)


def test_a_parameter_without_a_default_must_be_given(pipeline_of: Callable[..., Pipeline]) -> None:
    param = airflow_params(pipeline_of({"Name": "P", "Type": "Integer"}), {})["P"]

    assert not param.has_value
    assert param.resolve(4) == 4


def test_an_enumeration_offers_its_values_only(pipeline_of: Callable[..., Pipeline]) -> None:
    pipeline = pipeline_of({"Name": "P", "Type": "Integer", "DefaultValue": 1, "EnumValues": [1, 2]})
    param = airflow_params(pipeline, {})["P"]

    assert param.schema["enum"] == [1, 2]
    assert param.resolve(2) == 2
    assert param.resolve("2") == "2"
    for wrong in (3, "3"):
        with pytest.raises(ValueError, match="3"):
            param.resolve(wrong)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("Integer", "3", 3),
        ("Integer", "-12", -12),
        ("Float", "0.5", 0.5),
        ("Float", "3", 3.0),
        ("Float", "-1e-3", -0.001),
        ("Boolean", "true", True),
        ("Boolean", "False", False),
        ("String", "3", "3"),
    ],
)
def test_a_run_takes_the_text_of_a_value(
    pipeline_of: Callable[..., Pipeline], kind: str, text: str, value: object
) -> None:
    """StartPipelineExecution knows only texts (developer guide, "Pipeline parameters": ``"2"`` for an Integer)."""
    pipeline = pipeline_of({"Name": "P", "Type": kind})

    taken = airflow_params(pipeline, {})["P"].resolve(text)

    assert pipeline.parameter("P").coerce(taken) == value


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("Integer", "three"),
        ("Integer", "3.5"),
        ("Integer", 3.5),
        ("Integer", ""),
        ("Integer", None),
        ("Integer", True),
        ("Float", "1_0"),
        ("Float", "nan"),
        ("Float", False),
        ("Boolean", "yes"),
        ("Boolean", 1),
        ("String", 3),
    ],
)
def test_a_run_is_refused_a_value_that_is_not_of_the_type(
    pipeline_of: Callable[..., Pipeline], kind: str, wrong: object
) -> None:
    pipeline = pipeline_of({"Name": "P", "Type": kind})

    with pytest.raises(ParamValidationError):
        airflow_params(pipeline, {})["P"].resolve(wrong)
    with pytest.raises(ParameterValueError):
        pipeline.parameter("P").coerce(wrong)


def test_the_refusal_of_a_wrong_text_says_what_is_expected(pipeline_of: Callable[..., Pipeline]) -> None:
    param = airflow_params(pipeline_of({"Name": "P", "Type": "Integer"}), {})["P"]

    with pytest.raises(ParamValidationError, match=r"'three' does not match[\s\S]*an integer, or its text"):
        param.resolve("three")


@given(
    text=st.text(max_size=6) | st.from_regex(r"[ +-]?[0-9._+-]{0,6}([eE][0-9]{1,2})?", fullmatch=True),
    kind=st.sampled_from(["Integer", "Float", "Boolean"]),
)
def test_a_text_that_airflow_lets_through_is_a_value_of_the_type(text: str, kind: str) -> None:
    pipeline = load_pipeline({"Parameters": [{"Name": "P", "Type": kind}], "Steps": [END]})
    param = airflow_params(pipeline, {})["P"]
    if Draft7Validator(param.schema).is_valid(text):
        pipeline.parameter("P").coerce(text)


def test_a_given_value_replaces_the_default_in_the_parameters_type(pipeline_of: Callable[..., Pipeline]) -> None:
    pipeline = pipeline_of({"Name": "P", "Type": "Integer", "DefaultValue": 1})

    assert airflow_params(pipeline, {"P": "0"})["P"].resolve() == 0


def test_wrong_values_are_named_at_their_parameters(pipeline_of: Callable[..., Pipeline]) -> None:
    pipeline = pipeline_of({"Name": "P", "Type": "String"}, {"Name": "Q", "Type": "Integer"})

    assert [error.path for error in wrong_values(pipeline, {"Q": "x", "P": 1, "R": 1})] == [
        "Parameters",
        "Parameters[0]",
        "Parameters[1]",
    ]
    assert wrong_values(pipeline, {"Q": 1, "P": "x"}) == []


@pytest.mark.parametrize(("circumstance", "cure"), [(SCHEDULED, "remove the schedule"), (IN_A_GROUP, "such a param")])
def test_a_missing_value_is_named_with_both_cures(
    pipeline_of: Callable[..., Pipeline], circumstance: tuple[str, str], cure: str
) -> None:
    pipeline = pipeline_of({"Name": "P", "Type": "String"}, {"Name": "Q", "Type": "Integer", "DefaultValue": 1})

    [error] = missing_values(pipeline, [], circumstance)

    assert error.path == "Parameters[0]"
    assert "pass parameters={'P': ...}, or" in str(error)
    assert cure in str(error)
    assert missing_values(pipeline, ["P"], circumstance) == []


def test_params_of_the_same_name_are_refused(pipeline_of: Callable[..., Pipeline]) -> None:
    pipeline = pipeline_of({"Name": "P", "Type": "String"}, {"Name": "Q", "Type": "String"})

    assert [error.path for error in redefined_parameters(pipeline, {"Q": 1, "mine": 2})] == ["Parameters[1]"]
