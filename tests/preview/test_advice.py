from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings


def get(text):
    return {"Get": text}


@pytest.fixture
def warned(load):
    """Return JSON path -> messages and hints of the warnings about some steps."""

    def of(*steps, **members):
        found = {}
        for warning in warnings(load(*steps, **members)):
            found[warning.path] = f"{found.get(warning.path, '')}{warning.message} | {warning.hint}\n"
        return found

    return of


JOIN = {"On": "-", "Values": ["a", get("Execution.PipelineName")]}


def test_join_without_its_key(warned, step):
    found = warned(
        step("A", "Training", {"HyperParameters": {"x": JOIN}, "y": {"Std:Join": JOIN}}),
        step("B", FunctionArn=JOIN),
        PipelineExperimentConfig={"TrialName": JOIN},
    )
    assert list(found) == [
        "PipelineExperimentConfig.TrialName",
        "Steps[0].Arguments.HyperParameters.x",
        "Steps[1].FunctionArn",
    ]
    assert "is treated as a Std:Join" in found["Steps[1].FunctionArn"]


def test_no_join_in_a_payload(warned, step):
    assert not warned(step("A", arguments={"x": JOIN}))


def json_get(uri):
    return {"Std:JsonGet": {"S3Uri": uri, "Path": "a"}}


def gate(step, uri, **members):
    equals = {"Type": "Equals", "LeftValue": json_get(uri), "RightValue": 1}
    return step("Gate", "Condition", {"Conditions": [equals]}, **members)


def test_json_get_of_s3_without_an_edge(warned, step):
    found = warned(gate(step, "s3://b/r.json"), step("A"))
    assert "add the writing step to DependsOn" in found["Steps[0].Arguments.Conditions[0].LeftValue"]


def test_json_get_of_s3_with_an_edge(warned, step):
    assert not warned(gate(step, "s3://b/r.json", DependsOn=["A"]), step("A"))
    uri = {"Std:Join": {"On": "/", "Values": [get("Steps.T.OutputDataConfig.S3OutputPath"), "r.json"]}}
    assert not warned(gate(step, uri), step("T", "Training"))


def test_a_step_that_never_runs_is_told_once(load, step):
    sides = [[step(f"{side}{number}") for number in range(50)] for side in "AB"]
    gate = step("Gate", "Condition", {"IfSteps": sides[0], "ElseSteps": sides[1]})
    every = [one["Name"] for side in sides for one in side]
    never = [one for one in warnings(load(gate, step("X", DependsOn=every))) if "never runs" in one.message]
    assert [one.path for one in never] == ["Steps[1]"]


def test_waiting_for_both_branches(warned, step):
    inner = step("Inner", "Condition", {"IfSteps": [step("A")]})
    outer = step("Outer", "Condition", {"IfSteps": [inner], "ElseSteps": [step("B")]})
    found = warned(outer, step("X", DependsOn=["A", "B"]), step("Y", DependsOn=["A", "Inner"]))
    assert list(found) == ["Steps[1]"]
    assert "never runs: it waits for A and B, which are in different branches of Outer" in found["Steps[1]"]


def test_any_outcome_of_both_branches_is_not_said_to_be_impossible(warned, step):
    gate = step("Gate", "Condition", {"IfSteps": [step("A")], "ElseSteps": [step("B")]})
    assert not warned(gate, step("X", DependsOn=[{"Step": name, "Trigger": "Any"} for name in "AB"]))


def test_caching_without_an_age(warned, step):
    assert "without a maximum age" in warned(step("A", CacheConfig={"Enabled": True}))["Steps[0].CacheConfig"]
    assert not warned(step("A", CacheConfig={"Enabled": False}))
    assert not warned(step("A", CacheConfig={"Enabled": True, "ExpireAfter": "1d"}))


def test_an_enabled_cache_is_never_dropped_without_a_word(warned, step):
    cached = {"Enabled": True, "ExpireAfter": "1d"}
    arguments = {"ProductionVariants": []}
    found = warned(step("A", CacheConfig=cached), step("B", "EndpointConfig", arguments, CacheConfig=cached))
    assert list(found) == ["Steps[1].CacheConfig"]
    assert "no result of B is reused" in found["Steps[1].CacheConfig"]


def test_a_cache_that_never_finds_a_result_is_told(warned, step):
    arguments = {"Environment": {"RUN": get("Execution.PipelineExecutionId")}}
    found = warned(step("A", "Training", arguments, CacheConfig={"Enabled": True, "ExpireAfter": "1d"}))
    assert "A is cached but never reuses a result: Environment contains" in found["Steps[0].CacheConfig"]


def test_functions_of_different_regions(warned, step):
    def call(name, region):
        return step(name, FunctionArn=f"arn:aws:lambda:{region}:1:function:f")

    assert not warned(call("A", "us-east-1"), call("B", "us-east-1"), step("C", FunctionArn="f"))
    found = warned(call("A", "us-east-1"), call("B", "eu-west-1"))
    assert list(found) == ["Steps[1].FunctionArn"]
    assert "its function is in eu-west-1, that of A in us-east-1" in found["Steps[1].FunctionArn"]


def test_an_mlflow_config_is_never_dropped_without_a_word(warned, step):
    found = warned(step("A"), MlflowConfig={"MlflowResourceArn": "arn"})
    assert "no step is of a type whose job is told of it: " in found["MlflowConfig"]
    assert not warned(step("A"), MlflowConfig=None)


def test_functions_of_a_template_are_never_dropped_without_a_word_and_a_bound_of_parallel_steps_is_obeyed(step):
    around = {"ParallelismConfiguration": {"MaxParallelExecutionSteps": 3}, "RoleArn": {"Ref": "Role"}}
    found = {
        one.path: one.message
        for one in warnings(load_pipeline({**around, "PipelineDefinition": {"Steps": [step("A")]}}))
    }
    assert list(found) == ["RoleArn"]
    assert "CloudFormation function" in found["RoleArn"]


def test_steps_have_the_role_beside_the_definition(step):
    bare = {"Name": "A", "Type": "Training", "Arguments": {"OutputDataConfig": {}}}
    assert warnings(load_pipeline({"PipelineDefinition": {"Steps": [bare]}}))
    assert not warnings(load_pipeline({"RoleArn": "r", "PipelineDefinition": {"Steps": [bare]}}))


def test_steps_without_a_role(warned):
    def training(name, **role):
        return {"Name": name, "Type": "Training", "Arguments": {"OutputDataConfig": {}, **role}}

    assert not warned(training("A", RoleArn="r"), {"Name": "M", "Type": "Model", "Arguments": {}})
    found = warned(training("A", RoleArn="r"), training("B"), training("C"))
    assert list(found) == ["Steps[1].Arguments"]
    assert "no RoleArn in B and 1 more: such steps use the role_arn of the DAG" in str(found)


@pytest.mark.parametrize("text", ["${RoleArn}", "arn:{{ role }}"])
def test_placeholder_that_was_not_rendered(warned, step, text):
    found = warned(step("A", "Training", {"RoleArn": text}), step("B", "Training", {"RoleArn": text}))
    assert list(found) == ["Steps[0].Arguments.RoleArn"]
    assert "(2 such places)" in found["Steps[0].Arguments.RoleArn"]


def test_braces_in_free_text_are_no_placeholders(warned, step):
    assert not warned(
        step("A", "Training", {"Environment": {"X": "{{ ds }} ${HOME}"}}), step("B", "Fail", {"ErrorMessage": "${x}"})
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"),
        ("ApiKey", "abc"),
        ("HF_TOKEN", "abc"),
        ("client-secret", "abc"),
        ("X", "AKIAIOSFODNN7EXAMPLE"),
        ("Key", "-----BEGIN RSA PRIVATE KEY-----"),
    ],
)
def test_likely_secret(warned, step, name, value):
    found = warned(
        step("A", "Training", {"Environment": {name: value}}), Parameters=[{"Name": name, "DefaultValue": value}]
    )
    path = f"Steps[0].Arguments.Environment.{name}"
    assert set(found) == {path, "Parameters[0].DefaultValue"}
    assert value not in "".join(found.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TOKENS", "512"),
        ("max_token", "512"),
        ("TOKENIZER", "bert"),
        ("SECRET_NAME", "prod/db"),
        ("DB_PASSWORD", "arn:aws:secretsmanager:us-east-1:1:secret:x"),
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", get("Parameters.P")),
        ("X", "abc"),
    ],
)
def test_no_likely_secret(warned, step, name, value):
    assert not warned(step("A", "Training", {"Environment": {name: value}}), Parameters=[{"Name": "P"}])


def test_steps_of_branches_and_bodies_are_warned_about_once_at_their_own_place(warned, step):
    inner = step("A", "Training", {"Environment": {"API_KEY": "x"}})
    body = step("B", "Training", {"Environment": {"API_KEY": "x"}})
    gate = step("Gate", "Condition", {"IfSteps": [inner]})
    loop = step("Loop", "ForEach", {"ForEachBody": [body]})
    assert list(warned(gate, loop)) == [
        "Steps[0].Arguments.IfSteps[0].Arguments.Environment.API_KEY",
        "Steps[1].Arguments.ForEachBody[0].Arguments.Environment.API_KEY",
    ]


def test_warnings_are_offered_for_valid_pipelines(load, step):
    assert warnings(load(step("A"))) == ()
    [warning] = warnings(load(step("A", CacheConfig={"Enabled": True})))
    assert warning.path == "Steps[0].CacheConfig"
