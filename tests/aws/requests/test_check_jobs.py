"""The processing job of a check."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from airflow_sm_pipelines.aws.check_types import Baseline
from airflow_sm_pipelines.aws.requests.check_jobs import (
    CheckRequestError,
    checked_against,
    output_folder,
    with_baseline,
    with_model_name,
)
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError

BASELINE = Baseline("s3://bucket/base/constraints.json", "s3://bucket/base/statistics.json")


class FakeS3:
    """GetObject and PutObject over a dict."""

    def __init__(self, **objects: str) -> None:
        self.objects = dict(objects)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[f"s3://{Bucket}/{Key}"].encode())}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803
        self.objects[f"s3://{Bucket}/{Key}"] = Body.decode()
        return {}


def config_request(uri: str, **others: Any) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/input/config"}
    return {"ProcessingInputs": [{"InputName": "analysis_config", "S3Input": source, **others}]}


def test_a_baseline_becomes_two_inputs_and_two_variables() -> None:
    request = {"Environment": {"output_path": "/out"}, "ProcessingInputs": [{"InputName": "baseline_dataset_input"}]}
    completed = with_baseline(request, BASELINE)
    assert completed["Environment"] == {
        "output_path": "/out",
        "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
        "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
    }
    assert [(entry["InputName"], entry["S3Input"]["LocalPath"]) for entry in completed["ProcessingInputs"][1:]] == [
        ("baseline_constraints", "/opt/ml/processing/baseline/constraints"),
        ("baseline_statistics", "/opt/ml/processing/baseline/stats"),
    ]
    assert request["Environment"] == {"output_path": "/out"}


def test_a_job_says_what_it_was_told_to_check_against() -> None:
    assert checked_against(with_baseline({}, BASELINE)) == BASELINE
    constraints = Baseline("s3://bucket/analysis.json")
    assert checked_against(with_baseline({}, constraints)) == constraints
    assert not checked_against({"ProcessingInputs": [{"InputName": "dataset", "S3Input": {"S3Uri": "s3://b/d"}}]})


def test_the_results_are_in_the_only_output() -> None:
    output = {"OutputName": "result", "S3Output": {"S3Uri": "s3://bucket/out"}}
    assert output_folder({"ProcessingOutputConfig": {"Outputs": [output]}}) == "s3://bucket/out"
    for outputs in ([], [output, {"OutputName": "more", "S3Output": {"S3Uri": "s3://bucket/more"}}]):
        with pytest.raises(CheckRequestError, match="one output in S3"):
            output_folder({"ProcessingOutputConfig": {"Outputs": outputs}})


@pytest.mark.parametrize("uri", ["s3://bucket/cfg/analysis_config.json", "s3://bucket/cfg", "s3://bucket/cfg/"])
def test_the_models_name_goes_into_a_copy_that_belongs_to_the_attempt(uri: str) -> None:
    original = json.dumps({"methods": {}, "predictor": {"instance_type": "ml.m5.large"}})
    s3 = FakeS3(**{"s3://bucket/cfg/analysis_config.json": original})
    completed = with_model_name(config_request(uri, AppManaged=False), "abalone-1", "pipelines-abc-0", s3)
    copy = "s3://bucket/cfg/pipelines-abc-0/analysis_config.json"
    assert completed["ProcessingInputs"] == [
        {
            "InputName": "analysis_config",
            "S3Input": {"S3Uri": copy, "LocalPath": "/opt/ml/processing/input/config"},
            "AppManaged": False,
        }
    ]
    assert json.loads(s3.objects[copy])["predictor"] == {"instance_type": "ml.m5.large", "model_name": "abalone-1"}
    assert s3.objects["s3://bucket/cfg/analysis_config.json"] == original


def test_a_configuration_without_a_predictor_gets_one() -> None:
    s3 = FakeS3(**{"s3://bucket/c.json": "{}"})
    with_model_name(config_request("s3://bucket/c.json"), "m", "job", s3)
    assert json.loads(s3.objects["s3://bucket/job/analysis_config.json"]) == {"predictor": {"model_name": "m"}}


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"predictor": "m"}'])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(CheckRequestError, match=r"s3://bucket/c\.json"):
        with_model_name(config_request("s3://bucket/c.json"), "m", "job", FakeS3(**{"s3://bucket/c.json": text}))


def test_a_request_without_a_configuration_is_refused() -> None:
    with pytest.raises(CheckRequestError, match="no analysis_config"):
        with_model_name({"ProcessingInputs": [{"InputName": "dataset"}]}, "m", "job", FakeS3())
    with pytest.raises(NoObjectUriError):
        with_model_name(config_request("https://bucket/c.json"), "m", "job", FakeS3())
