"""Baselines over the runs of a pipeline, rehearsed: the first registers one, the next ones check against it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal
from tests.integration.conftest import Tried

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

FILE = Path(__file__).parent / "definitions" / "quality_check_registers.json"
DEFINITION: dict[str, Any] = json.loads(FILE.read_text())
GROUP = "checked-abalone"
FIRST_RUN = {"Skip": True, "RegisterNew": True}
TryDefinition = Callable[..., Tried]


@pytest.fixture
def rehearsal() -> dict[str, Outcome]:
    """The outcomes of steps, to be chosen before a run."""
    return {}


@pytest.fixture(autouse=True)
def rehearsing(aws: LocalAws, rehearsal: dict[str, Outcome], monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    monkeypatch.setattr(connection, "_clients", {})  # those of another local AWS
    with LocalAws(stand_in=Rehearsal(outcomes=rehearsal, job_seconds=0.05), sandbox="rewrite") as rehearsing:
        for name, value in rehearsing.environment().items():
            monkeypatch.setenv(name, value)
        yield rehearsing


def versions(group: str = GROUP) -> list[dict[str, Any]]:
    """The registered versions, oldest first."""
    sagemaker = boto3.client("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName=group, SortOrder="Ascending")
    return [
        sagemaker.describe_model_package(ModelPackageName=one["ModelPackageArn"])
        for one in listed["ModelPackageSummaryList"]
    ]


def baseline(version: dict[str, Any], member: str) -> dict[str, str]:
    return {name: source["S3Uri"] for name, source in version[member]["ModelDataQuality"].items()}


def test_a_first_run_without_a_baseline_fails_before_any_job(try_definition: TryDefinition) -> None:
    tried = try_definition(DEFINITION)

    assert tried.states == {"Check": "failed", "Register": "upstream_failed"}
    assert "there is no previous baseline to check against" in str(tried.errors["Check"][0])
    assert tried.tries["Check"] == 1
    assert boto3.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"] == []


def test_the_next_run_checks_against_the_baseline_of_the_first_and_carries_it_over(
    try_definition: TryDefinition,
) -> None:
    assert try_definition(DEFINITION, FIRST_RUN).state == "success"
    assert try_definition(DEFINITION).state == "success"

    first, second = versions()
    assert baseline(first, "DriftCheckBaselines") == baseline(first, "ModelMetrics")
    assert baseline(second, "DriftCheckBaselines") == baseline(first, "DriftCheckBaselines")
    assert baseline(second, "ModelMetrics") != baseline(first, "ModelMetrics")
    s3 = boto3.client("s3")
    for uri in (*baseline(first, "ModelMetrics").values(), *baseline(second, "ModelMetrics").values()):
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        assert s3.head_object(Bucket=bucket, Key=key)


def test_a_run_that_registers_a_new_baseline_renews_it(try_definition: TryDefinition) -> None:
    try_definition(DEFINITION, FIRST_RUN)
    assert try_definition(DEFINITION, {"RegisterNew": True}).state == "success"

    second = versions()[1]
    assert baseline(second, "DriftCheckBaselines") == baseline(second, "ModelMetrics")


def test_a_violation_keeps_the_model_out_of_the_registry(
    try_definition: TryDefinition, rehearsal: dict[str, Outcome]
) -> None:
    rehearsal["Check"] = Outcome(violation=True)
    assert try_definition(DEFINITION, FIRST_RUN).state == "success"  # it checks nothing
    tried = try_definition(DEFINITION)

    assert tried.states == {"Check": "failed", "Register": "upstream_failed"}
    assert "feature_name rehearsal: data_type_check" in str(tried.errors["Check"][0])
    assert len(versions()) == 1


def test_a_violation_that_may_be_does_not(try_definition: TryDefinition, rehearsal: dict[str, Outcome]) -> None:
    rehearsal["Check"] = Outcome(violation=True)
    try_definition(DEFINITION, FIRST_RUN)
    assert try_definition(DEFINITION, {"FailOnViolation": False}).state == "success"
    assert len(versions()) == 2


def test_a_check_of_data_quality_really_runs_on_the_local_aws(
    try_definition: TryDefinition, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "_clients", {})
    s3 = boto3.client("s3")

    def put(text: str) -> None:
        s3.put_object(Bucket="integration", Key="abalone/train.csv", Body=text.encode())

    put("sex,rings\nM,4\nF,7\n")
    assert try_definition(DEFINITION, FIRST_RUN).errors == {}
    assert try_definition(DEFINITION).errors == {}
    put("sex,rings\nM,many\nF,7\n")
    drifted = try_definition(DEFINITION)

    assert drifted.states == {"Check": "failed", "Register": "upstream_failed"}
    assert "feature_name rings: data_type_check: Data type match requirement is not met" in str(
        drifted.errors["Check"][0]
    )
    assert len(versions()) == 2


def test_a_registered_baseline_counts_once_its_version_is_approved_and_a_violation_of_it_fails_the_next_run(
    try_definition: TryDefinition, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Developer guide, "Baseline and model version lifecycle and evolution with Pipelines", from end to end."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "_clients", {})
    group = "approved-by-a-person"
    document = copy.deepcopy(DEFINITION)
    document["Parameters"][3]["DefaultValue"] = group
    document["Steps"][1]["Arguments"]["ModelApprovalStatus"] = "PendingManualApproval"
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")

    def put(text: str) -> None:
        s3.put_object(Bucket="integration", Key="abalone/train.csv", Body=text.encode())

    def checked_against() -> str | None:
        """The constraints that the newest job was given."""
        jobs = sagemaker.list_processing_jobs(SortBy="CreationTime", SortOrder="Descending", MaxResults=1)
        name = jobs["ProcessingJobSummaries"][0]["ProcessingJobName"]
        inputs = sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingInputs"]
        return next((one["S3Input"]["S3Uri"] for one in inputs if one["InputName"] == "baseline_constraints"), None)

    put("sex,rings\nM,4\nF,7\n")
    assert try_definition(document, FIRST_RUN).errors == {}
    assert checked_against() is None
    too_early = try_definition(document)
    assert "there is no previous baseline to check against" in str(too_early.errors["Check"][0])

    [registered] = versions(group)
    sagemaker.update_model_package(ModelPackageArn=registered["ModelPackageArn"], ModelApprovalStatus="Approved")
    approved = baseline(registered, "DriftCheckBaselines")
    assert try_definition(document).errors == {}
    assert checked_against() == approved["Constraints"]

    put("sex,rings\nM,many\nF,7\n")
    drifted = try_definition(document)
    assert checked_against() == approved["Constraints"]
    assert drifted.states == {"Check": "failed", "Register": "upstream_failed"}
    assert "violations of the previous baseline: 1" in str(drifted.errors["Check"][0])
    assert [baseline(one, "DriftCheckBaselines") for one in versions(group)] == [approved, approved]


def test_a_check_without_a_local_runtime_fails_and_says_so(
    try_definition: TryDefinition, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "_clients", {})
    document = copy.deepcopy(DEFINITION)
    arguments = document["Steps"][0]["Arguments"]
    arguments["AppSpecification"]["ImageUri"] = (
        "306415355426.dkr.ecr.us-west-2.amazonaws.com/sagemaker-clarify-processing:1.0"
    )
    tried = try_definition(document, FIRST_RUN)
    assert "no local runtime for image" in str(tried.errors["Check"][0])
