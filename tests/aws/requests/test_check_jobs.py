"""The processing job of a check."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, Baseline
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.check_jobs import (
    check_calls,
    checked_against,
    output_folder,
    previous_baseline,
    with_baseline,
)
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError
from airflow_sm_pipelines.errors import AwsCallError, UnfitRequestError

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


@pytest.fixture
def name_model(start: Any, perform: Any) -> Any:
    """Complete the request of a Clarify job that names a model; returns it without what every request has."""

    def run(request: dict[str, Any], model: str, attempt: str, s3: FakeS3) -> dict[str, Any]:
        outputs = {"ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": "s3://bucket/out"}}]}}
        members = {"CheckType": "MODEL_BIAS", "ModelName": model, "SkipCheck": True, "RegisterNewBaseline": True}
        step = start({**request, **outputs}, members, attempt=attempt, kind=PROCESSING_JOB)
        return dict(perform(check_calls(step), s3).request)

    return run


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
        with pytest.raises(UnfitRequestError, match="one output in S3"):
            output_folder({"ProcessingOutputConfig": {"Outputs": outputs}})


@pytest.mark.parametrize("uri", ["s3://bucket/cfg/analysis_config.json", "s3://bucket/cfg", "s3://bucket/cfg/"])
def test_the_models_name_goes_into_a_copy_that_belongs_to_the_attempt(uri: str, name_model: Any) -> None:
    original = json.dumps({"methods": {}, "predictor": {"instance_type": "ml.m5.large"}})
    s3 = FakeS3(**{"s3://bucket/cfg/analysis_config.json": original})
    completed = name_model(config_request(uri, AppManaged=False), "abalone-1", "pipelines-abc-0", s3)
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


def test_a_configuration_without_a_predictor_gets_one(name_model: Any) -> None:
    s3 = FakeS3(**{"s3://bucket/c.json": "{}"})
    name_model(config_request("s3://bucket/c.json"), "m", "job", s3)
    assert json.loads(s3.objects["s3://bucket/job/analysis_config.json"]) == {"predictor": {"model_name": "m"}}


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"predictor": "m"}'])
def test_what_is_no_configuration_is_refused(text: str, name_model: Any) -> None:
    with pytest.raises(UnfitRequestError, match=r"s3://bucket/c\.json"):
        name_model(config_request("s3://bucket/c.json"), "m", "job", FakeS3(**{"s3://bucket/c.json": text}))


def test_a_request_without_a_configuration_is_refused(name_model: Any) -> None:
    with pytest.raises(UnfitRequestError, match="no analysis_config"):
        name_model({"ProcessingInputs": [{"InputName": "dataset"}]}, "m", "job", FakeS3())
    with pytest.raises(NoObjectUriError):
        name_model(config_request("https://bucket/c.json"), "m", "job", FakeS3())


# -- the model registry ------------------------------------------------------------------------------------------------

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3"
SUMMARY = {
    "ModelPackageName": "abalone",
    "ModelPackageArn": ARN,
    "ModelPackageVersion": 3,
    "CreationTime": 0,
    "ModelPackageStatus": "Completed",
}
QUERY = {
    "ModelPackageGroupName": "abalone",
    "ModelApprovalStatus": "Approved",
    "SortBy": "CreationTime",
    "SortOrder": "Descending",
    "MaxResults": 1,
}
REGISTERED = {
    "ModelDataQuality": {"Statistics": "s3://b/dq/s", "Constraints": "s3://b/dq/c"},
    "ModelQuality": {"Statistics": "s3://b/mq/s", "Constraints": "s3://b/mq/c"},
    "Bias": {"PreTrainingConstraints": "s3://b/pre", "PostTrainingConstraints": "s3://b/post"},
    "Explainability": {"Constraints": "s3://b/explain"},
}


@pytest.fixture
def previous(start: Any, perform: Any, api: Any) -> Any:
    """Return the previous baseline of a check of the group abalone."""

    def look(check_type: str = "DATA_QUALITY") -> Baseline:
        members = {"CheckType": check_type, "ModelPackageGroupName": "abalone"}
        found: Baseline = perform(previous_baseline(start(), members), api.client)
        return found

    return look


def describe(api: Any, **baselines: Any) -> None:
    description = {**SUMMARY, "ModelPackageStatusDetails": {"ValidationStatuses": []}, **baselines}
    api.add_response("describe_model_package", description, {"ModelPackageName": ARN})


def sources(uris: dict[str, str]) -> dict[str, Any]:
    return {member: {"ContentType": "application/json", "S3Uri": uri} for member, uri in uris.items()}


def registered() -> dict[str, Any]:
    return {section: sources(uris) for section, uris in REGISTERED.items()}


def test_the_latest_approved_version_is_asked_for(api: Any, previous: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, QUERY)
    describe(api, DriftCheckBaselines=registered())
    assert previous() == Baseline("s3://b/dq/c", "s3://b/dq/s")


def test_an_empty_page_is_not_the_last_one(api: Any, previous: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [], "NextToken": "more"}, QUERY)
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, {**QUERY, "NextToken": "more"})
    describe(api, DriftCheckBaselines=registered())
    assert previous()


def test_a_group_without_approved_versions_has_none(api: Any, previous: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": []}, QUERY)
    assert not previous()


def test_a_group_that_does_not_exist_has_no_versions(api: Any, previous: Any) -> None:
    api.add_client_error("list_model_packages", "ValidationException", "ModelPackageGroup abalone does not exist.")
    assert not previous()


def test_a_group_that_may_not_be_listed_is_an_error(api: Any, previous: Any) -> None:
    api.add_client_error("list_model_packages", "AccessDeniedException", "no")
    with pytest.raises(AwsCallError, match="AccessDenied"):
        previous()


def test_each_check_type_has_its_own_baseline(api: Any, previous: Any) -> None:
    for _ in CHECK_TYPES:
        api.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, QUERY)
        describe(api, DriftCheckBaselines=registered())
    assert {name: previous(name) for name in CHECK_TYPES} == {
        "DATA_QUALITY": Baseline("s3://b/dq/c", "s3://b/dq/s"),
        "MODEL_QUALITY": Baseline("s3://b/mq/c", "s3://b/mq/s"),
        "DATA_BIAS": Baseline("s3://b/pre"),
        "MODEL_BIAS": Baseline("s3://b/post"),
        "MODEL_EXPLAINABILITY": Baseline("s3://b/explain"),
    }


def test_model_metrics_are_no_baseline_for_drift_checks(api: Any, previous: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, QUERY)
    describe(api, ModelMetrics={"ModelDataQuality": sources(REGISTERED["ModelDataQuality"])})
    assert not previous()
