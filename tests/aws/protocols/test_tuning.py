"""Tuning jobs against a stubbed API: reasons, the best training jobs, roles, the experiment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import TUNING_JOB
from airflow_sm_pipelines.aws.protocols.tuning import associate_trials, best_training_jobs
from airflow_sm_pipelines.errors import AwsCallError

ROLE = "arn:aws:iam::123456789012:role/Pipeline"
OTHER_ROLE = "arn:aws:iam::123456789012:role/Other"
DESCRIBE = "describe_hyper_parameter_tuning_job"
LIST = "list_training_jobs_for_hyper_parameter_tuning_job"


@pytest.fixture
def api() -> Iterator[Any]:
    """A boto3 client whose answers are given in advance; a call that is not expected fails the test."""
    import boto3

    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def described(status: str, **members: Any) -> dict[str, Any]:
    return {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/tune",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        },
        "HyperParameterTuningJobStatus": status,
        "CreationTime": 0,
        "TrainingJobStatusCounters": {},
        "ObjectiveStatusCounters": {},
        **members,
    }


def summary(name: str, status: str = "Completed", **members: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "TrainingJobStatus": status,
        "TunedHyperParameters": {"x": "1"},
        **members,
    }


def listed(api: Any, *summaries: dict[str, Any], token: str | None = None, **sent: Any) -> None:
    answer = {"TrainingJobSummaries": list(summaries), **({"NextToken": token} if token else {})}
    api.add_response(LIST, answer, {"HyperParameterTuningJobName": "tune", "MaxResults": 100, **sent})


FAILED = {"StatusEquals": "Failed", "SortBy": "CreationTime"}
ASCENDING = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Ascending"}


def test_a_failed_tuning_job_is_seen_with_the_reasons_of_its_training_jobs_each_once(api: Any) -> None:
    api.add_response(DESCRIBE, described("Failed", FailureReason="No training job succeeded"))
    reasons = ["out of memory", "out of memory", "no data", "no luck", "never told"]
    failed = [summary(f"tune-{index}", "Failed", FailureReason=reason) for index, reason in enumerate(reasons)]
    listed(api, *failed, **FAILED)

    seen = jobs.observe(api.client, TUNING_JOB, "tune")

    assert seen is not None
    assert seen.reason == ("No training job succeeded; tune-0: out of memory; tune-2: no data; tune-3: no luck")


def test_the_reason_of_the_tuning_job_is_told_though_its_training_jobs_may_not_be_listed(api: Any) -> None:
    api.add_response(DESCRIBE, described("Failed", FailureReason="No training job succeeded"))
    api.add_client_error(LIST, "AccessDeniedException", "not allowed")

    seen = jobs.observe(api.client, TUNING_JOB, "tune")

    assert seen is not None
    assert seen.reason.startswith("No training job succeeded; (cannot read why its training jobs failed: AWS refused")


@pytest.mark.parametrize("status", ["InProgress", "Stopping", "Stopped", "Completed"])
def test_nothing_else_is_asked_of_a_tuning_job_that_has_not_failed(api: Any, status: str) -> None:
    api.add_response(DESCRIBE, described(status))
    seen = jobs.observe(api.client, TUNING_JOB, "tune")
    assert seen is not None
    assert seen.status == status


@pytest.mark.parametrize("status", ["Deleting", "DeleteFailed"])
def test_a_tuning_job_that_is_deleted_has_failed(api: Any, status: str) -> None:
    api.add_response(DESCRIBE, described(status))
    listed(api, **FAILED)
    seen = jobs.observe(api.client, TUNING_JOB, "tune")
    assert seen is not None
    assert seen.outcome is jobs.Outcome.FAILED


def test_the_best_are_the_first_fifty_by_objective_over_several_pages_without_the_failed(api: Any) -> None:
    listed(api, summary("bad", "Failed"), *(summary(f"a{n}") for n in range(30)), token="more", **ASCENDING)
    listed(api, *(summary(f"b{n}") for n in range(30)), NextToken="more", **ASCENDING)

    best = best_training_jobs(api.client, described("Completed"))

    assert [one["TrainingJobName"] for one in best] == [*(f"a{n}" for n in range(30)), *(f"b{n}" for n in range(20))]
    assert isinstance(best[0]["CreationTime"], str), "plain JSON"


def test_what_is_to_be_maximized_is_listed_in_descending_order(api: Any) -> None:
    several = described("Completed", TrainingJobDefinitions=[{"TuningObjective": {"Type": "Maximize"}}])
    del several["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    listed(api, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert best_training_jobs(api.client, several) == []


def test_each_training_job_is_put_into_the_trial(api: Any) -> None:
    listed(api, summary("tune-1"), summary("tune-2", "Failed"))
    for name in ("tune-1", "tune-2"):
        sent = {"TrialComponentName": f"{name}-aws-training-job", "TrialName": "trial"}
        api.add_response("associate_trial_component", {}, sent)
    assert associate_trials(api.client, "tune", "trial") == []


def test_a_training_job_without_a_trial_component_is_told_and_the_others_are_put_there(api: Any) -> None:
    listed(api, summary("tune-1"), summary("tune-2"))
    api.add_client_error("associate_trial_component", "ResourceNotFound", "no such component")
    sent = {"TrialComponentName": "tune-2-aws-training-job", "TrialName": "trial"}
    api.add_response("associate_trial_component", {}, sent)
    assert associate_trials(api.client, "tune", "trial") == ["tune-1"]


def test_a_refusal_to_put_them_there_is_told(api: Any) -> None:
    listed(api, summary("tune-1"))
    api.add_client_error("associate_trial_component", "AccessDeniedException", "not allowed")
    with pytest.raises(AwsCallError, match="not allowed"):
        associate_trials(api.client, "tune", "trial")
