"""The assets that steps change, and what their events tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.kinds import (
    EMR_STEP,
    ENDPOINT,
    INFERENCE_COMPONENT,
    MODEL,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    RESOURCE_KINDS,
    TRAINING_JOB,
)
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.semantics.assets import asset_uri, event_extra, expected_asset_uri

ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
GROUP = "x-sagemaker://model-package-group/abalone"


@pytest.mark.parametrize(
    ("kind", "described", "uri"),
    [
        (MODEL_PACKAGE, {"ModelPackageGroupName": "abalone", "ModelPackageVersion": 3}, GROUP),
        (ENDPOINT, {"EndpointName": "abalone"}, "x-sagemaker://endpoint/abalone"),
        (
            INFERENCE_COMPONENT,
            {"InferenceComponentName": "a", "EndpointName": "e"},
            "x-sagemaker://inference-component/a",
        ),
    ],
)
def test_the_uri_of_an_asset_holds_its_type_and_its_name(kind: Any, described: Any, uri: str) -> None:
    assert asset_uri(kind, described) == uri


def test_a_group_given_by_its_arn_is_the_same_asset() -> None:
    assert asset_uri(MODEL_PACKAGE, {"ModelPackageGroupName": f"{ARN}:model-package-group/abalone"}) == GROUP


def test_a_package_without_a_group_is_no_asset() -> None:
    assert (
        asset_uri(MODEL_PACKAGE, {"ModelPackageName": "abalone-1", "ModelPackageArn": f"{ARN}:model-package/a"}) == ""
    )


def test_a_resource_with_a_new_name_in_each_run_is_no_asset() -> None:
    assert [kind.key for kind in RESOURCE_KINDS.values() if kind.asset_type] == [
        MODEL_PACKAGE.key,
        ENDPOINT.key,
        INFERENCE_COMPONENT.key,
    ]
    assert asset_uri(MODEL, {"ModelName": "m"}) == asset_uri(TRAINING_JOB, {"TrainingJobName": "t"}) == ""


@given(name=st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True))
def test_airflow_takes_the_uri_of_every_name_as_it_is(name: str) -> None:
    from airflow.sdk import Asset

    uri = asset_uri(ENDPOINT, {"EndpointName": name})

    asset = Asset(uri)
    assert asset.uri == asset.name == uri == f"x-sagemaker://endpoint/{name}"


@given(name=st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text(), max_size=2)))
def test_what_airflow_would_refuse_is_no_asset(name: Any) -> None:
    from airflow.sdk import Asset

    uri = asset_uri(ENDPOINT, {"EndpointName": name})

    assert uri == "" or (Asset(uri).uri == uri and uri.isascii())


def test_no_process_looks_for_a_provider_of_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import Asset
    from airflow.sdk.definitions import asset

    def look(_: str) -> None:
        raise AssertionError("providers are loaded for this scheme")

    monkeypatch.setattr(asset, "_get_uri_normalizer", look)

    assert Asset(GROUP).uri == GROUP
    with pytest.raises(AssertionError):
        Asset("sagemaker://model-package-group/abalone")


# -- before a run ------------------------------------------------------------------------------------------------------


def expected(name: Any, **values: Any) -> str:
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    pipeline = load_pipeline(
        {
            "Version": "2020-12-01",
            "Parameters": [
                {"Name": "Group", "Type": "String", "DefaultValue": "abalone"},
                {"Name": "Required", "Type": "String"},
            ],
            "Steps": [fail],
        }
    )
    return expected_asset_uri(MODEL_PACKAGE, {"ModelPackageGroupName": name}, pipeline, values)


def test_a_name_in_the_definition_is_known_before_a_run() -> None:
    assert expected("abalone") == GROUP


def test_the_default_of_a_parameter_is_known_before_a_run() -> None:
    assert expected({"Get": "Parameters.Group"}) == GROUP
    assert expected({"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Group"}, "-eu"]}}) == f"{GROUP}-eu"


def test_a_value_for_the_parameter_replaces_its_default() -> None:
    assert expected({"Get": "Parameters.Required"}, Required="abalone") == GROUP
    assert expected({"Get": "Parameters.Group"}, Group="other") == "x-sagemaker://model-package-group/other"


@pytest.mark.parametrize(
    "name",
    [
        {"Get": "Parameters.Required"},
        {"Get": "Execution.PipelineExecutionId"},
        {"Get": "Steps.Name.OutputParameters['Group']"},
        {"Get": "PipelineExperimentConfig.TrialName"},
        {"Get": "ForEach.CurrentItem"},
        {"Std:JsonGet": {"S3Uri": "s3://bucket/a.json", "Path": "name"}},
        {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Name.PropertyFiles.File"}, "Path": "name"}},
        {"Std:Join": {"On": "-", "Values": ["abalone", {"Get": "Execution.PipelineName"}]}},
        None,
        7,
        ["abalone"],
    ],
)
def test_other_names_are_known_in_a_run_only(name: Any) -> None:
    assert expected(name) == ""


def test_a_value_from_xcom_is_known_in_a_run_only() -> None:
    assert expected({"Get": "Parameters.Required"}, Required=object()) == ""


def test_a_step_that_names_none_changes_no_known_asset() -> None:
    pipeline = load_pipeline(
        {"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}
    )
    assert expected_asset_uri(MODEL_PACKAGE, {}, pipeline, {}) == ""
    assert expected_asset_uri(PROCESSING_JOB, {"ProcessingJobName": "x"}, pipeline, {}) == ""


# -- what an event tells -----------------------------------------------------------------------------------------------


def test_the_event_of_a_model_version_tells_arn_approval_and_metrics() -> None:
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/evaluation.json"}}}
    described = {
        "ModelPackageName": "abalone",
        "ModelPackageGroupName": "abalone",
        "ModelPackageVersion": 3,
        "ModelPackageArn": f"{ARN}:model-package/abalone/3",
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelMetrics": metrics,
        "CustomerMetadataProperties": {"rmse": "2.1"},
        "InferenceSpecification": {"Containers": [{"Image": "image", "Environment": {"TOKEN": "secret"}}]},
        "CreationTime": "2026-01-01T00:00:00+00:00",
    }

    assert event_extra(MODEL_PACKAGE, described) == {
        "ModelPackageArn": f"{ARN}:model-package/abalone/3",
        "ModelPackageName": "abalone",
        "ModelPackageGroupName": "abalone",
        "ModelPackageVersion": 3,
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelMetrics": metrics,
        "CustomerMetadataProperties": {"rmse": "2.1"},
    }


def test_the_event_of_a_training_job_tells_its_model_and_its_metrics() -> None:
    metrics = [{"MetricName": "validation:rmse", "Value": 2.1, "Timestamp": "2026-01-01T00:00:00+00:00"}]
    described = {
        "TrainingJobName": "t",
        "TrainingJobArn": f"{ARN}:training-job/t",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/t/output/model.tar.gz"},
        "FinalMetricDataList": metrics,
        "Environment": {"TOKEN": "secret"},
        "HyperParameters": {"eta": "1"},
    }

    extra = event_extra(TRAINING_JOB, described)

    assert extra["FinalMetricDataList"] == metrics
    assert extra["ModelArtifacts"] == {"S3ModelArtifacts": "s3://b/t/output/model.tar.gz"}
    assert "secret" not in json.dumps(extra)


def test_of_every_kind_the_event_tells_name_and_arn() -> None:
    for kind in RESOURCE_KINDS.values():
        described = {kind.arn_member or "Arn": "arn", kind.name_member: "name"}
        assert event_extra(kind, described).items() >= {(kind.name_member, "name")}
        assert not kind.arn_member or event_extra(kind, described)[kind.arn_member] == "arn"
    assert event_extra(EMR_STEP, {"Id": "s-1", "Name": "step"}) == {"Name": "step"}
