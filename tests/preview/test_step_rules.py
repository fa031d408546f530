"""What the developer guide requires of single step types, and neither the language nor the API refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.findings import find
from airflow_sm_pipelines.preview.step_rules import step_rule_findings

ROLE = "arn:aws:iam::111122223333:role/R"
CHECK = {"CheckType": "DATA_QUALITY", "SkipCheck": False, "RegisterNewBaseline": {"Get": "Parameters.New"}}
JOB = {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": ROLE}
AUTO_ML = {"InputDataConfig": [], "OutputDataConfig": {"S3OutputPath": "s3://b/out"}, "RoleArn": ROLE}
EUROPEAN = "arn:aws:lambda:eu-west-1:111122223333:function:f"


@pytest.fixture
def warned(load: Any) -> Callable[..., dict[str, str]]:
    """Return JSON path -> message of the warnings about some steps."""

    def of(*steps: Any, **members: Any) -> dict[str, str]:
        return {one.path: one.message for one in step_rule_findings(load(*steps, **members))}

    return of


@pytest.mark.parametrize("type_", ["QualityCheck", "ClarifyCheck"])
def test_a_check_requires_both_of_its_flags(warned: Any, step: Any, type_: str) -> None:
    kind = "DATA_QUALITY" if type_ == "QualityCheck" else "DATA_BIAS"
    parameters = [{"Name": "New", "Type": "Boolean", "DefaultValue": True}]
    whole = {**CHECK, "CheckType": kind}
    flags = ("SkipCheck", "RegisterNewBaseline")
    without = [{name: value for name, value in whole.items() if name not in left_out} for left_out in ((), flags)]
    one_left_out = {name: value for name, value in whole.items() if name != "SkipCheck"}

    found = warned(
        *(step(name, type_, JOB, **members) for name, members in zip("ABC", (*without, one_left_out), strict=True)),
        Parameters=parameters,
    )

    assert found == {
        "Steps[1]": f"SkipCheck and RegisterNewBaseline are required of a {type_} step, but missing; a run takes false",
        "Steps[2]": f"SkipCheck is required of a {type_} step, but missing; a run takes false",
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"Mode": "ENSEMBLING"}, None),
        ({"Mode": {"Get": "Parameters.Mode"}}, None),
        ({"Mode": "HYPERPARAMETER_TUNING"}, "Mode HYPERPARAMETER_TUNING: an AutoML step of the service supports only"),
        ({}, "no Mode: an AutoML step of the service supports only ENSEMBLING"),
        (None, "no Mode: an AutoML step of the service supports only ENSEMBLING"),
    ],
)
def test_an_automl_step_supports_only_ensembling(warned: Any, step: Any, config: Any, said: str | None) -> None:
    arguments = AUTO_ML if config is None else {**AUTO_ML, "AutoMLJobConfig": config}
    parameters = [{"Name": "Mode", "Type": "String", "DefaultValue": "AUTO"}]

    found = warned(step("A", "AutoML", arguments), Parameters=parameters)

    assert list(found) == ([] if said is None else ["Steps[0].Arguments.AutoMLJobConfig"])
    assert str(said or "") in "".join(found.values())


def test_a_function_must_be_in_the_region_of_the_pipeline(step: Any) -> None:
    around = {"PipelineArn": "arn:aws:sagemaker:us-east-1:111122223333:pipeline/p"}
    american = EUROPEAN.replace("eu-west-1", "us-east-1")
    steps = [step(*one) for one in zip("ABC", ["Lambda"] * 3, strict=True)]
    for one, function in zip(steps, (EUROPEAN, american, "f"), strict=True):
        one["FunctionArn"] = function
    definition = {"Version": "2020-12-01", "Steps": steps}

    [found] = step_rule_findings(load_pipeline({**around, "PipelineDefinition": definition}))

    assert found.path == "Steps[0].FunctionArn"
    assert found.message == "its function is in eu-west-1, the pipeline in us-east-1; both must be in the same region"
    assert list(step_rule_findings(load_pipeline(definition))) == []


@pytest.mark.parametrize("cluster", [{"ClusterId": "j-1"}, {"ClusterConfig": {"Instances": {}}}])
def test_an_emr_step_requires_the_location_of_its_jar(load: Any, cluster: dict[str, Any]) -> None:
    arguments = {**cluster, "StepConfig": {"Name": "x", "HadoopJarStep": {"Args": ["a"]}}}

    errors = find(load({"Name": "A", "Type": "EMR", "Arguments": arguments})).errors

    assert "Steps[0].Arguments.StepConfig.HadoopJarStep.Jar" in [error.path for error in errors]


def test_check_shows_them(load: Any, step: Any) -> None:
    messages = [one.message for one in find(load(step("A", "AutoML", AUTO_ML))).warnings]
    assert any("supports only ENSEMBLING" in message for message in messages)
