from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.models import MISSING


def test_version_is_the_only_one(faults, step):
    assert "expected one of '2020-12-01'" in faults(step("A"), Version="2021-01-01")["Version"]


def test_only_steps_are_required(load, step):
    pipeline = load(step("A"))
    assert pipeline.version == "2020-12-01"
    assert pipeline.metadata == {}
    assert pipeline.parameters == ()


def test_a_pipeline_has_at_least_one_step(faults):
    assert "at least one step" in faults()["Steps"]


def test_unknown_top_level_member_is_an_error(faults, step):
    assert "has no member 'Tags'" in faults(step("A"), Tags=[])["Tags"]


def test_misspelt_member_is_one_error_with_the_right_name(faults):
    found = faults(source={"version": "2020-12-01", "steps": []})
    assert list(found) == ["steps", "version"]
    assert "did you mean `Steps`?" in found["steps"]


def test_metadata_holds_strings(faults, step, load):
    assert load(step("A"), Metadata={"a": "b"}).metadata == {"a": "b"}
    assert "expected a string, found the number 1" in faults(step("A"), Metadata={"a b": 1})["Metadata['a b']"]


def test_a_definition_without_experiment_config_has_no_experiment(load, step):
    """Developer guide, "Disable Experiments Integration"."""
    config = {"TrialName": {"Get": "Execution.PipelineExecutionId"}}
    assert load(step("A")).experiment_config is None
    assert load(step("A"), PipelineExperimentConfig=None).experiment_config is None
    assert load(step("A"), PipelineExperimentConfig=config).experiment_config == config


def test_experiment_config_may_hold_the_join_of_the_developer_guide(load, step):
    config = {"TrialName": {"On": "-", "Values": ["Custom", {"Get": "Execution.PipelineExecutionId"}]}}
    assert load(step("A"), PipelineExperimentConfig=config).experiment_config == config


def test_absent_and_null_mlflow_config_are_none(load, step):
    config = {"MlflowResourceArn": "arn", "MlflowExperimentName": None}
    assert load(step("A")).mlflow_config is None
    assert load(step("A"), MlflowConfig=None).mlflow_config is None
    assert load(step("A"), MlflowConfig=config).mlflow_config == config


@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({"Experiment": "x"}, ".Experiment", "did you mean `ExperimentName`?"),
        ({"TrialName": 5}, ".TrialName", "expected a string or an expression"),
        ({"TrialName": None}, ".TrialName", "found null"),
        ({"TrialName": {"Get": "Steps.A.OutputParameters['x']"}}, ".TrialName", "resolved before any step runs"),
        ({"TrialName": {"Get": "Execution.TrainingJobName"}}, ".TrialName", "resolved before any step runs"),
        ({"TrialName": {"Get": "Execution.Id"}}, ".TrialName.Get", "has no 'Id'"),
        ({"TrialName": {"Get": "Parameters.Q"}}, ".TrialName", "declares no parameter 'Q'"),
        ("x", "", "expected an object"),
    ],
)
def test_faulty_experiment_config(faults, step, config, path, message):
    assert message in faults(step("A"), PipelineExperimentConfig=config)[f"PipelineExperimentConfig{path}"]


def test_parameter_without_a_type_is_a_string(load, step):
    [parameter] = load(step("A"), Parameters=[{"Name": "P", "Description": "d"}]).parameters
    assert (parameter.type, parameter.default, parameter.description) == ("String", MISSING, "d")


def test_float_default_may_look_like_an_integer(load, step):
    [parameter] = load(step("A"), Parameters=[{"Name": "P", "Type": "Float", "DefaultValue": 6}]).parameters
    assert parameter.default == 6.0
    assert isinstance(parameter.default, float)


@pytest.mark.parametrize(
    ("parameter", "path", "message"),
    [
        ({}, "", "a parameter requires 'Name'"),
        ("P", "", "expected a parameter (an object), found the string 'P'"),
        ({"Name": "a b"}, ".Name", "is not a valid parameter name"),
        ({"Name": ""}, ".Name", "is not a valid parameter name"),
        ({"Name": "x" * 257}, ".Name", "1 to 256"),
        ({"Name": "P", "Type": "Int"}, ".Type", "expected one of 'String', 'Integer', 'Float', 'Boolean'"),
        ({"Name": "P", "Default": 1}, ".Default", "did you mean `DefaultValue`?"),
        (
            {"Name": "P", "Type": "Integer", "DefaultValue": "3"},
            ".DefaultValue",
            "of type Integer, found the string",
        ),
        ({"Name": "P", "Type": "Integer", "DefaultValue": 3.5}, ".DefaultValue", "found the number 3.5"),
        ({"Name": "P", "Type": "Integer", "DefaultValue": True}, ".DefaultValue", "found true"),
        ({"Name": "P", "Type": "Boolean", "DefaultValue": "true"}, ".DefaultValue", "found the string 'true'"),
        ({"Name": "P", "Type": "Boolean", "DefaultValue": 0}, ".DefaultValue", "found the number 0"),
        ({"Name": "P", "DefaultValue": 5}, ".DefaultValue", "of type String"),
        ({"Name": "P", "DefaultValue": None}, ".DefaultValue", "found null"),
        (
            {"Name": "P", "DefaultValue": {"Get": "Parameters.Q"}},
            ".DefaultValue",
            "must be a literal, not an expression",
        ),
        ({"Name": "P", "EnumValues": []}, ".EnumValues", "at least one value"),
        ({"Name": "P", "EnumValues": ["a", 1]}, ".EnumValues[1]", "of type String"),
        (
            {"Name": "P", "EnumValues": ["staging", "prod"], "DefaultValue": "stagin"},
            ".DefaultValue",
            "did you mean `staging`?",
        ),
    ],
)
def test_faulty_parameter(faults, step, parameter, path, message):
    found = faults(step("A"), Parameters=[parameter])
    assert list(found) == [f"Parameters[0]{path}"]
    assert message in found[f"Parameters[0]{path}"]


def test_at_most_200_parameters(faults, load, step):
    parameters = [{"Name": f"P{number}"} for number in range(201)]
    assert load(step("A"), Parameters=parameters[:200])
    assert "at most 200 parameters" in faults(step("A"), Parameters=parameters)["Parameters"]


def test_a_faulty_parameter_still_counts_as_declared(faults, step):
    use = step("A", arguments={"x": {"Get": "Parameters.P"}})
    assert list(faults(use, Parameters=[{"Name": "P", "Type": "Nope"}])) == ["Parameters[0].Type"]
