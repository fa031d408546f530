"""AutoML steps against a stubbed API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY

from airflow_sm_pipelines.errors import StepFailedError

JOB = "AutoMLJobName"
PLACES = "s3://bucket/out/job/documentation"


@pytest.fixture
def task(make_tasks: Any, ti: Any) -> Any:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train.csv"}}
    arguments = {
        "InputDataConfig": [{"DataSource": source, "TargetAttributeName": "class"}],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "RoleArn": "arn:aws:iam::123456789012:role/Pipeline",
    }
    policies = [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 3}]
    name = "A-step-with-a-name-that-is-rather-long"
    step = {"Name": name, "Type": "AutoML", "Arguments": arguments, "RetryPolicies": policies}
    task = make_tasks(step)[name]
    ti.task_id, ti.task = task.task_id, task
    return task


def described(status: str, **members: Any) -> dict[str, Any]:
    return {
        JOB: "job",
        "AutoMLJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:automl-job/job",
        "InputDataConfig": [{"TargetAttributeName": "class"}],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "RoleArn": "arn:aws:iam::123456789012:role/Pipeline",
        "CreationTime": 0,
        "LastModifiedTime": 0,
        "AutoMLJobStatus": status,
        "AutoMLJobSecondaryStatus": status,
        **members,
    }


def answer(api: Any, description: dict[str, Any]) -> None:
    created = {"AutoMLJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:automl-job/job"}
    sent = {JOB: ANY, "InputDataConfig": ANY, "OutputDataConfig": ANY, "RoleArn": ANY, "Tags": ANY}
    api.add_response("create_auto_ml_job", created, sent)
    api.add_response("describe_auto_ml_job", description, {JOB: ANY})


def test_the_names_of_the_reports_are_added_to_the_best_candidate(task: Any, context: Any, api: Any) -> None:
    places = {"ModelInsights": f"{PLACES}/model_monitor", "Explainability": f"{PLACES}/explainability/"}
    candidate = {
        "CandidateName": "best",
        "ObjectiveStatus": "Succeeded",
        "CandidateSteps": [],
        "CandidateStatus": "Completed",
        "CreationTime": 0,
        "LastModifiedTime": 0,
        "CandidateProperties": {"CandidateArtifactLocations": places},
    }
    answer(api, described("Completed", BestCandidate=candidate))

    assert task.execute(context)["BestCandidateProperties"] == {
        "ModelInsightsJsonReportPath": f"{PLACES}/model_monitor/statistics.json",
        "ExplainabilityJsonReportPath": f"{PLACES}/explainability/analysis.json",
    }


def test_a_job_name_has_at_most_32_characters(task: Any, context: Any, api: Any) -> None:
    answer(api, described("Completed"))

    task.execute(context)

    assert len(task.request[JOB]) <= 32


def test_a_failure_tells_the_partial_failures_too(task: Any, context: Any, api: Any) -> None:
    partial = [{"PartialFailureMessage": "no model insights"}, {"PartialFailureMessage": "no explainability"}]
    answer(api, described("Failed", FailureReason="AlgorithmError: no candidate", PartialFailureReasons=partial))

    with pytest.raises(StepFailedError, match="no candidate; no model insights; no explainability"):
        task.execute(context)


def test_an_internal_error_of_the_job_is_of_no_type_that_is_retried(task: Any, context: Any, api: Any) -> None:
    answer(api, described("Failed", FailureReason="InternalServerError: We encountered an internal error"))

    with pytest.raises(StepFailedError, match="internal error") as caught:
        task.execute(context)

    assert caught.value.exception_type is None


def test_a_lack_of_capacity_is_retried(task: Any, context: Any, api: Any) -> None:
    answer(api, described("Failed", FailureReason="CapacityError: Unable to provision requested ML compute capacity"))

    with pytest.raises(StepFailedError) as caught:
        task.execute(context)

    assert caught.value.exception_type == "SageMaker.CAPACITY_ERROR"


def test_a_killed_task_stops_its_job(task: Any, context: Any, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_sm_pipelines.errors import StepError
    from airflow_sm_pipelines.execution import step_run

    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    answer(api, described("InProgress"))
    api.add_response("describe_auto_ml_job", described("InProgress"), {JOB: ANY})
    api.add_response("stop_auto_ml_job", {}, {JOB: ANY})
    describe = api.client.describe_auto_ml_job

    def killing(**request: Any) -> Any:
        task.on_kill()
        return describe(**request)

    monkeypatch.setattr(api.client, "describe_auto_ml_job", killing)

    with pytest.raises(StepError, match="its job was stopped"):
        task.execute(context)


@pytest.mark.parametrize("created", [True, False])
def test_after_a_lost_answer_there_is_one_job(task: Any, context: Any, api: Any, created: bool) -> None:
    api.add_client_error("create_auto_ml_job", "InternalFailure", http_status_code=500)
    with pytest.raises(StepFailedError) as caught:
        task.execute(context)
    assert caught.value.exception_type == "Step.SERVICE_FAULT"
    name = task.request[JOB]

    context["ti"].try_number = 2
    if created:  # the next try finds it under the name that was written down, then waits for its end
        for _ in range(2):
            api.add_response("describe_auto_ml_job", described("Completed"), {JOB: name})
    else:
        api.add_client_error("describe_auto_ml_job", "ResourceNotFound", expected_params={JOB: name})
        answer(api, described("Completed"))
    task.execute(context)

    assert created or task.request[JOB] == name
