from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.preview.permissions.known_values import KnownValues, name_pattern, unknown_value

TRAIN = {"TrainingJobName": "pipelines-<Execution.PipelineExecutionId>-Train-<token>-0", "OutputDataConfig": {}}


def test_what_each_run_draws_is_a_wildcard_that_nobody_is_told_of() -> None:
    told: list[str] = []

    found = KnownValues({}).text("s3://b/<Execution.PipelineExecutionId>/<token>/out", told.append)

    assert (found, told) == ("s3://b/*/*/out", [])


def test_what_only_a_run_knows_is_a_wildcard_and_said_to_be_unknown() -> None:
    told: list[str] = []

    assert KnownValues({}).text("<Parameters.Bucket>/<Steps.A.X>", told.append) == "*/*"
    assert told == ["Parameters.Bucket", "Steps.A.X"]


def test_a_property_is_known_if_the_request_of_its_step_says_it() -> None:
    outputs = [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/<Execution.PipelineExecutionId>/o"}}]
    known = KnownValues({"A": {"ProcessingOutputConfig": {"Outputs": outputs}}})

    assert known.text("<Steps.A.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri>/x.csv") == "s3://b/*/o/x.csv"


def test_the_artifacts_of_a_training_job_are_below_its_name() -> None:
    known = KnownValues({"Train": {**TRAIN, "OutputDataConfig": {"S3OutputPath": "s3://b/models/"}}})

    found = known.text("<Steps.Train.ModelArtifacts.S3ModelArtifacts>")

    assert found == "s3://b/models/pipelines-*-Train-*/output/model.tar.gz"


def test_a_circle_of_references_ends() -> None:
    known = KnownValues({"A": {"X": "<Steps.B.X>"}, "B": {"X": "<Steps.A.X>"}})

    assert known.text("<Steps.A.X>") == "*"


def test_the_bucket_of_a_known_uri_is_known() -> None:
    known = KnownValues({"A": {"Uri": "s3://b/k"}})

    assert known.text("<bucket of <Steps.A.Uri>/part>") == "b"
    assert known.text("<key of <Steps.A.Uri>/part>") == "k/part"


def test_the_latest_version_is_one_of_its_group() -> None:
    assert KnownValues({}).text("<latest approved models>") == "models/*"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("pipelines-*-Train-*", "pipelines-*"),
        ("pipelines-*", "pipelines-*"),
        ("Base-*-*", "Base-*"),
        ("my-endpoint", "my-endpoint"),
        ("my-endpoint-*", "my-endpoint-*"),
    ],
)
def test_the_names_of_all_attempts_begin_alike(name: str, pattern: str) -> None:
    assert name_pattern(name) == pattern


def test_a_parameter_without_a_default_and_a_missing_role_say_what_to_give() -> None:
    assert "--parameters Bucket=VALUE" in unknown_value("Parameters.Bucket").advice
    assert "--role-arn" in unknown_value("role of the DAG").advice
    assert unknown_value("Steps.A.X").advice == ""


@given(st.text(alphabet="ab<>/*", max_size=20))
def test_every_text_becomes_a_pattern_without_placeholders(text: str) -> None:
    found = KnownValues({}).text(text)

    assert "**" not in found
    assert "<" not in found or text.count("<") > text.count(">")
