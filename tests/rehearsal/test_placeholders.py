"""Values for what has none before a run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.rehearsal.placeholders import (
    choose_items,
    items_of_parameters,
    rehearsal_parameters,
    sample_items,
)
from airflow_sm_pipelines.rehearsal.scope import files_read


def fail(message):
    return {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def parameter(name, kind="String", **members):
    return {"Name": name, "Type": kind, **members}


@pytest.mark.parametrize(
    ("declared", "placeholder"),
    [
        (parameter("P"), "rehearsal-P"),
        (parameter("P", "Integer"), 1),
        (parameter("P", "Float"), 1.0),
        (parameter("P", "Boolean"), False),
        (parameter("P", "Integer", EnumValues=[7, 8]), 7),
    ],
)
def test_a_parameter_without_a_default_gets_a_placeholder_of_its_type(definition, declared, placeholder):
    pipeline = load_pipeline(definition(fail("no"), Parameters=[declared]))
    assert rehearsal_parameters(pipeline, {}) == ({"P": placeholder}, ("P",))


def test_given_values_and_defaults_are_no_placeholders(definition):
    pipeline = load_pipeline(
        definition(fail("no"), Parameters=[parameter("Given"), parameter("Empty", DefaultValue="")])
    )
    assert rehearsal_parameters(pipeline, {"Given": "x"}) == ({"Given": "x", "Empty": ""}, ())


def test_a_text_that_stands_as_a_uri_arn_or_instance_type_gets_that_form(definition, processing_arguments):
    source = {"Std:Join": {"On": "/", "Values": [{"Get": "Parameters.Data"}, "train"]}}
    arguments = {
        **processing_arguments,
        "RoleArn": {"Get": "Parameters.Role"},
        "AppSpecification": {"ImageUri": {"Get": "Parameters.Image"}},
        "ProcessingInputs": [{"InputName": "data", "S3Input": {"S3Uri": source}}],
    }
    arguments["ProcessingResources"]["ClusterConfig"]["InstanceType"] = {"Get": "Parameters.Machine"}
    step = {"Name": "Process", "Type": "Processing", "Arguments": arguments}
    names = ("Data", "Role", "Image", "Machine")
    pipeline = load_pipeline(definition(step, Parameters=[parameter(name) for name in names]))
    values, _ = rehearsal_parameters(pipeline, {})
    assert values == {
        "Data": "s3://rehearsal/Data",
        "Role": "arn:aws:iam::123456789012:role/rehearsal-Role",
        "Image": "rehearsal-Image",
        "Machine": "ml.m5.large",
    }


# -- items of a ForEach -----------------------------------------------------------------------------------------------


def get(reference: str) -> dict[str, Any]:
    return {"Get": reference}


def loop(items: Any, arguments: dict[str, Any], name: str = "Each") -> dict[str, Any]:
    body = [{"Name": f"{name}Work", "Type": "Lambda", "FunctionArn": "arn", "Arguments": arguments}]
    return {
        "Name": name,
        "Type": "ForEach",
        "Arguments": {"IterableItems": items, "MaxConcurrency": 1, "ForEachBody": body},
    }


def pipeline_of(*steps: dict[str, Any], parameters: Any = ()) -> Pipeline:
    return load_pipeline({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)})


def samples(arguments: dict[str, Any]) -> Any:
    pipeline = pipeline_of(loop(["a"], arguments))
    return sample_items(pipeline.step("Each"), pipeline)


def test_an_item_that_is_read_as_a_whole_is_a_text() -> None:
    assert samples({"word": get("ForEach.CurrentItem")}) == ["rehearsal-item-0", "rehearsal-item-1"]


def test_an_item_has_the_members_that_the_body_reads() -> None:
    item = samples(
        {
            "whole": get("ForEach.CurrentItem"),
            "name": get("ForEach.CurrentItem.name"),
            "deep": [get("ForEach.CurrentItem['tags'][1]")],
            "S3Uri": get("ForEach.CurrentItem.uri"),
            "InstanceCount": get("ForEach.CurrentItem.size"),
        }
    )[1]

    assert item == {
        "name": "rehearsal-item-1",
        "tags": [None, "rehearsal-item-1"],
        "uri": "s3://rehearsal/item-1",
        "size": 1,
    }


def test_items_that_nobody_reads_are_texts() -> None:
    assert samples({}) == ["item-0", "item-1"]


def test_a_parameter_that_is_iterated_over_holds_a_json_list() -> None:
    parameters = [{"Name": "Words", "Type": "String"}, {"Name": "Other", "Type": "String"}]
    pipeline = pipeline_of(loop(get("Parameters.Words"), {}), parameters=parameters)

    assert items_of_parameters(pipeline) == {"Words": '["item-0", "item-1"]'}


def test_an_output_that_is_iterated_over_is_a_text_and_a_value_of_a_file_a_list() -> None:
    listing = {
        "Name": "List",
        "Type": "Lambda",
        "FunctionArn": "arn",
        "Arguments": {},
        "OutputParameters": [{"OutputName": "words", "OutputType": "String"}],
    }
    from_file = {"Std:JsonGet": {"S3Uri": "s3://bucket/list.json", "Path": "words"}}
    pipeline = pipeline_of(
        listing, loop(get("Steps.List.OutputParameters['words']"), {}), loop(from_file, {}, name="Every")
    )
    files, _, scope = files_read(pipeline, {})

    choose_items(pipeline, scope, ())

    values = {file.names[0]: list(file.values.values()) for file in files}
    assert json.loads(values["List.OutputParameters"][0]) == ["item-0", "item-1"]
    assert values["s3://bucket/list.json"] == [["item-0", "item-1"]]


@pytest.mark.parametrize("items", [["a"], get("Execution.PipelineName")])
def test_what_is_no_choice_of_a_rehearsal_stays(items: Any) -> None:
    pipeline = pipeline_of(loop(items, {}))
    files, _, scope = files_read(pipeline, {})

    choose_items(pipeline, scope, ())

    assert files == []
    assert items_of_parameters(pipeline) == {}


def test_items_that_somebody_has_given_stay() -> None:
    pipeline = pipeline_of(loop(get("Parameters.Words"), {}), parameters=[{"Name": "Words", "Type": "String"}])
    _, _, scope = files_read(pipeline, {"Words": '["one"]'})
    given = scope.parameter_value("Words")

    choose_items(pipeline, scope, {given})

    assert scope.parameter("Words") == '["one"]'
