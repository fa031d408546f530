from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.parameters import rehearsal_parameters


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
