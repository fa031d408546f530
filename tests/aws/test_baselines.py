"""Baselines in the model registry."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws.baselines import latest_approved, registered_baseline
from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, Baseline

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


@pytest.fixture
def api() -> Any:
    import boto3

    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def source(uri: str) -> dict[str, str]:
    return {"ContentType": "application/json", "S3Uri": uri}


def describe(api: Any, **baselines: Any) -> None:
    description = {**SUMMARY, "ModelPackageStatusDetails": {"ValidationStatuses": []}, **baselines}
    api.add_response("describe_model_package", description, {"ModelPackageName": ARN})


def test_the_latest_approved_version_is_asked_for(api: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, QUERY)
    assert latest_approved(api.client, "abalone") == ARN


def test_an_empty_page_is_not_the_last_one(api: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [], "NextToken": "more"}, QUERY)
    api.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, {**QUERY, "NextToken": "more"})
    assert latest_approved(api.client, "abalone") == ARN


def test_a_group_without_approved_versions_has_none(api: Any) -> None:
    api.add_response("list_model_packages", {"ModelPackageSummaryList": []}, QUERY)
    assert latest_approved(api.client, "abalone") is None


def test_a_group_that_does_not_exist_has_no_versions(api: Any) -> None:
    api.add_client_error("list_model_packages", "ValidationException", "ModelPackageGroup abalone does not exist.")
    assert latest_approved(api.client, "abalone") is None


def test_a_group_that_may_not_be_listed_is_an_error(api: Any) -> None:
    api.add_client_error("list_model_packages", "AccessDeniedException", "no")
    with pytest.raises(CallRefusedError, match="AccessDenied"):
        latest_approved(api.client, "abalone")


def test_each_check_type_has_its_own_baseline(api: Any) -> None:
    baselines = {
        "ModelDataQuality": {"Statistics": source("s3://b/dq/s"), "Constraints": source("s3://b/dq/c")},
        "ModelQuality": {"Statistics": source("s3://b/mq/s"), "Constraints": source("s3://b/mq/c")},
        "Bias": {
            "PreTrainingConstraints": source("s3://b/pre"),
            "PostTrainingConstraints": source("s3://b/post"),
        },
        "Explainability": {"Constraints": source("s3://b/explain")},
    }
    for _ in CHECK_TYPES:
        describe(api, DriftCheckBaselines=baselines)
    assert {name: registered_baseline(api.client, ARN, row) for name, row in CHECK_TYPES.items()} == {
        "DATA_QUALITY": Baseline("s3://b/dq/c", "s3://b/dq/s"),
        "MODEL_QUALITY": Baseline("s3://b/mq/c", "s3://b/mq/s"),
        "DATA_BIAS": Baseline("s3://b/pre"),
        "MODEL_BIAS": Baseline("s3://b/post"),
        "MODEL_EXPLAINABILITY": Baseline("s3://b/explain"),
    }


def test_model_metrics_are_no_baseline_for_drift_checks(api: Any) -> None:
    metrics = {"ModelDataQuality": {"Statistics": source("s3://b/s"), "Constraints": source("s3://b/c")}}
    describe(api, ModelMetrics=metrics)
    assert not registered_baseline(api.client, ARN, CHECK_TYPES["DATA_QUALITY"])
