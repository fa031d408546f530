"""Values of the form that the API wants at a place of a request."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.scope import files_read

READ = {"Std:JsonGet": {"S3Uri": "s3://bucket/sizes.json", "Path": "a.size"}}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


@pytest.fixture
def value_at(definition: Any, processing_arguments: dict[str, Any]) -> Any:
    """What the file holds that a Processing or Training step reads at a place."""

    def value(arguments: dict[str, Any], step_type: str = "Processing") -> Any:
        base = processing_arguments if step_type == "Processing" else TRAINING
        step = {"Name": "Use", "Type": step_type, "Arguments": {**base, **arguments}}
        [file] = files_read(load_pipeline(definition(step)), {}, "p")[0]
        [found] = file.values.values()
        return found

    return value


TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "RoleArn": "arn:aws:iam::123456789012:role/Role",
}


def cluster(**members: Any) -> dict[str, Any]:
    config = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, **members}
    return {"ProcessingResources": {"ClusterConfig": config}}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (cluster(InstanceCount=READ), 1),
        (cluster(InstanceType=READ), "ml.m5.large"),
        ({"RoleArn": READ}, "arn:aws:iam::123456789012:role/rehearsal-a-size"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": READ}}, 1),
        ({"NetworkConfig": {"EnableNetworkIsolation": READ}}, False),
        ({"Environment": {"SIZE": READ}}, 0.0),
        ({"NoSuchMember": READ}, 0.0),
    ],
)
def test_a_value_of_a_file_has_the_form_of_its_place(value_at: Any, arguments: dict[str, Any], value: Any) -> None:
    found = value_at(arguments)

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("source", [READ, join(READ, "part")])
def test_an_s3_uri_also_at_the_beginning_of_a_join(value_at: Any, source: Any) -> None:
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}
    found = value_at({"InputDataConfig": [{"ChannelName": "train", "DataSource": data}]}, "Training")

    assert found == "s3://rehearsal/a-size"


def test_inside_a_join_a_text_that_may_be_part_of_a_name(value_at: Any) -> None:
    assert value_at({"OutputDataConfig": {"S3OutputPath": join("s3://bucket", READ)}}, "Training") == "rehearsal-a-size"


def test_an_enumeration_gives_its_first_value(value_at: Any) -> None:
    found = value_at({"AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": READ}}, "Training")

    assert found == "Pipe"


def test_an_arn_of_the_resource_that_the_pattern_wants(value_at: Any) -> None:
    found = value_at({"AlgorithmSpecification": {"AlgorithmName": READ, "TrainingInputMode": "File"}}, "Training")

    pattern = r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)"
    assert re.fullmatch(pattern, found)
