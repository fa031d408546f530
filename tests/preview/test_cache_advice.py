"""What is told of cached steps before a run."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.cache_advice import compared_attributes, never_reused_results

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}
EXECUTION_ID = {"Get": "Execution.PipelineExecutionId"}


def get(text: str) -> dict[str, str]:
    return {"Get": text}


def processing(name: str, *, source: Any = "s3://b/in", out: Any = "s3://b/out", **members: Any) -> dict[str, Any]:
    """A Processing step that reads from one place and writes to another."""
    arguments = {
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {},
        "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": source}}],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": "fixed", "S3Output": {"S3Uri": "s3://b/fixed"}},
                {"OutputName": "out", "S3Output": {"S3Uri": out}},
            ]
        },
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}


def training(name: str, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": {"OutputDataConfig": {"S3OutputPath": "s3://b"}}, **members}


def model(name: str, data: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": {"ModelDataUrl": data}}}


def transform(name: str, model_name: Any) -> dict[str, Any]:
    arguments = {"ModelName": model_name, "TransformInput": {}, "TransformOutput": {}, "TransformResources": {}}
    return {"Name": name, "Type": "Transform", "Arguments": arguments, **CACHED}


def told(*steps: dict[str, Any], **members: Any) -> list[str]:
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": list(steps), **members})
    return [one.message.removesuffix(".") for one in never_reused_results(pipeline)]


def output_of(step: str, name: str) -> dict[str, str]:
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


ARTIFACT = get("Steps.T.ModelArtifacts.S3ModelArtifacts")


@pytest.mark.parametrize(
    "variable",
    ["PipelineExecutionId", "PipelineExecutionArn", "StartDateTime", "CurrentDateTime", "ProcessingJobName"],
)
def test_a_key_attribute_that_is_new_in_each_run_is_told(variable: str) -> None:
    joined = {"Std:Join": {"On": "/", "Values": ["s3://b", get(f"Execution.{variable}")]}}
    assert told(processing("P", source=joined, **CACHED)) == [
        f"P is cached but never reuses a result: ProcessingInputs contains Execution.{variable}, "
        "which is new in each run"
    ]


@pytest.mark.parametrize("variable", ["PipelineName", "PipelineArn"])
def test_a_variable_that_is_the_same_in_each_run_is_not(variable: str) -> None:
    assert told(processing("P", source=get(f"Execution.{variable}"), **CACHED)) == []


def test_what_does_not_count_may_be_new_in_each_run() -> None:
    assert told(processing("P", out=EXECUTION_ID, **CACHED)) == []


def test_a_step_that_is_not_cached_is_left_alone() -> None:
    assert told(processing("P", source=EXECUTION_ID)) == []


def test_an_output_of_a_step_that_is_not_cached_is_new_if_its_place_is() -> None:
    new = processing("A", out={"Std:Join": {"On": "/", "Values": ["s3://b", EXECUTION_ID]}})
    assert told(new, processing("B", source=output_of("A", "out"), **CACHED)) == [
        "B is cached but never reuses a result: ProcessingInputs contains "
        "Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri, which is new in each run, since A is not cached"
    ]
    assert told(new, processing("B", source=output_of("A", "fixed"), **CACHED)) == []
    assert told({**new, **CACHED}, processing("B", source=output_of("A", "out"), **CACHED)) == []


def test_an_output_of_a_cached_step_that_never_reuses_a_result_is_new_if_its_place_is() -> None:
    never = processing("A", source=EXECUTION_ID, out=EXECUTION_ID, **CACHED)
    first, second = told(never, processing("B", source=output_of("A", "out"), **CACHED))
    assert first.startswith("A is cached but never reuses a result: ")
    assert second.endswith("which is new in each run, since A never reuses a result either")
    [only] = told(never, processing("B", source=output_of("A", "fixed"), **CACHED))
    assert only == first


def test_a_model_artifact_of_a_step_that_is_not_cached_is_new() -> None:
    evaluate = processing("E", source=ARTIFACT, **CACHED)
    assert told(training("T"), evaluate) == [
        "E is cached but never reuses a result: ProcessingInputs contains "
        "Steps.T.ModelArtifacts.S3ModelArtifacts, which is new in each run, since T is not cached"
    ]
    assert told(training("T", **CACHED), evaluate) == []


def test_what_emr_repeats_of_a_step_is_new_if_the_step_says_so() -> None:
    jar = {"Jar": "command-runner.jar", "Args": ["--out", EXECUTION_ID, "--in", "s3://b/in"]}
    step = {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": jar}}
    emr = {"Name": "R", "Type": "EMR", "Arguments": step}
    reads = [processing("P", source=get(f"Steps.R.{path}"), **CACHED) for path in ("Config.Args[1]", "Id")]
    for one in reads:
        assert told(emr, one)[0].endswith("which is new in each run, since R is not cached")
    for path in ("Config.Args[3]", "ClusterId"):
        assert told(emr, processing("P", source=get(f"Steps.R.{path}"), **CACHED)) == []


def test_a_model_counts_by_its_containers() -> None:
    predict = transform("P", get("Steps.M.ModelName"))
    assert told(model("M", "s3://b/model.tar.gz"), predict) == []
    assert told(training("T", **CACHED), model("M", ARTIFACT), predict) == []
    [message] = told(training("T"), model("M", ARTIFACT), predict)
    assert "Steps.M.ModelName, whose containers are new in each run (which is new in each run, since T" in message


def test_the_trial_of_a_run_is_new_unless_the_definition_names_it() -> None:
    trial = processing("P", source=get("PipelineExperimentConfig.TrialName"), **CACHED)
    assert len(told(trial, PipelineExperimentConfig={"ExperimentName": "e"})) == 1
    assert len(told(trial, PipelineExperimentConfig={"TrialName": EXECUTION_ID})) == 1
    assert told(trial, PipelineExperimentConfig={"TrialName": "always"}) == []
    experiment = processing("P", source=get("PipelineExperimentConfig.ExperimentName"), **CACHED)
    assert told(experiment, PipelineExperimentConfig={"TrialName": EXECUTION_ID}) == []


def test_nothing_is_said_of_values_that_only_a_run_knows() -> None:
    function = {"Name": "F", "Type": "Lambda", "FunctionArn": "f"}
    function["OutputParameters"] = [{"OutputName": "x", "OutputType": "String"}]  # type: ignore[assignment]
    reads = processing("P", source=get("Steps.F.OutputParameters.x"), **CACHED)
    parameter = processing("Q", source=get("Parameters.In"), **CACHED)
    parameters = [{"Name": "In", "Type": "String"}]
    assert told(function, reads, parameter, Parameters=parameters) == []


def test_a_message_counts_as_a_whole() -> None:
    function = {"Name": "F", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"a": [EXECUTION_ID]}, **CACHED}
    [message] = told(function)
    assert "Arguments contains Execution.PipelineExecutionId" in message


def test_what_a_cached_step_is_compared_by_is_told() -> None:
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": [transform("P", "m"), processing("Q")]})
    assert [compared_attributes(step) for step in pipeline.steps] == [
        "a result up to P30D old is reused unless one of these has changed: "
        "DataProcessing, Environment, ModelName (by its containers), TransformInput",
        "",
    ]
    forever = load_pipeline({"Version": "2020-12-01", "Steps": [{**processing("P"), "CacheConfig": {"Enabled": True}}]})
    assert compared_attributes(forever.step("P")).startswith("a result of any age is reused unless")
