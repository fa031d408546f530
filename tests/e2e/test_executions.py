"""SageMaker's API of executions, as an unmodified boto3 client sees it, on a real Airflow."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.demo.airflow_api import AirflowApi
from tests.e2e.conftest import World, wait_for

pytestmark = pytest.mark.e2e

NAME = "Started-Pipeline"


def client_of(world: World, token: str | None = None) -> Any:
    """A client with the hook of the documentation."""
    client = boto3.client(
        "sagemaker",
        endpoint_url=f"{world.airflow.api.base_url}/sm-pipelines/api",
        region_name="us-west-2",
        aws_access_key_id="anything",
        aws_secret_access_key="anything",
    )

    def add_token(request: Any, **_: Any) -> None:
        request.headers["Authorization"] = f"Bearer {token or world.airflow.api._token}"

    client.meta.events.register("before-send.sagemaker", add_token)
    return client


def parameters(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def ended(client: Any, arn: str, timeout: float = 120) -> str:
    def look() -> str | None:
        status = client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
        return None if status == "Executing" else str(status)

    return str(wait_for(look, timeout, f"the end of {arn}"))


def steps(client: Any, arn: str) -> dict[str, dict[str, Any]]:
    found = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {step["StepName"]: step for step in found}


@pytest.fixture(scope="module")
def client(_world: World) -> Any:
    return client_of(_world)


@pytest.fixture(scope="module")
def early(_world: World, client: Any) -> dict[str, str]:
    """Executions that need time and nothing else, started together."""

    def start(**values: str) -> str:
        answer = client.start_pipeline_execution(PipelineName=NAME, PipelineParameters=parameters(**values))
        return str(answer["PipelineExecutionArn"])

    return {
        "good": start(),
        "failed": start(ExitCode="3"),
        "refused": start(Verdict="bad"),
        "stopped": start(Seconds="600"),
    }


def test_an_execution_is_started_and_followed_by_an_unmodified_boto3_client(
    world: World, client: Any, early: dict[str, str]
) -> None:
    arn = early["good"]
    assert ended(client, arn) == "Succeeded"
    described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["PipelineArn"] == arn.rpartition("/execution/")[0]
    assert timedelta(0) < datetime.now(UTC) - described["CreationTime"] < timedelta(minutes=10)
    assert described["CreatedBy"] == {"UserProfileName": "admin"}
    found = steps(client, arn)
    assert list(found) == ["Quick", "Decide", "Work"], "the one that started last comes first"
    assert {step["StepStatus"] for step in found.values()} == {"Succeeded"}
    work = found["Work"]
    assert work["Metadata"]["ProcessingJob"]["Arn"].startswith(
        "arn:aws:sagemaker:us-west-2:123456789012:processing-job/"
    )
    assert (work["StepDisplayName"], work["AttemptCount"]) == ("The work", 1)
    assert work["StartTime"] < work["EndTime"]
    assert found["Decide"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    listed = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {one["Name"]: one["Value"] for one in listed} == {"Seconds": "0", "ExitCode": "0", "Verdict": "good"}


def test_its_id_is_the_one_in_the_names_of_its_jobs(world: World, client: Any, early: dict[str, str]) -> None:
    arn = early["good"]
    ended(client, arn)
    job = steps(client, arn)["Work"]["Metadata"]["ProcessingJob"]["Arn"]
    assert f"pipelines-{arn.rpartition('/')[2]}-Work-" in job


def test_a_failed_step_has_its_reason(world: World, client: Any, early: dict[str, str]) -> None:
    arn = early["failed"]
    assert ended(client, arn) == "Failed"
    assert client.describe_pipeline_execution(PipelineExecutionArn=arn)["FailureReason"] == "Step failure: Work"
    found = steps(client, arn)
    assert list(found) == ["Work"], "steps that did not start are not there"
    assert found["Work"]["StepStatus"] == "Failed"
    assert "AlgorithmError" in found["Work"]["FailureReason"]
    assert ":processing-job/" in found["Work"]["Metadata"]["ProcessingJob"]["Arn"]


def test_a_user_can_do_no_more_than_in_airflow(world: World, client: Any, early: dict[str, str]) -> None:
    arn = early["failed"]
    ended(client, arn)
    password = json.loads((world.airflow.home / "passwords.json").read_text())["reader"]
    api = AirflowApi(world.airflow.api.base_url, "reader", password)
    api.request("GET", "dags")
    reader = client_of(world, api._token)

    assert reader.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    assert steps(reader, arn)
    for change in (
        lambda: reader.start_pipeline_execution(PipelineName=NAME),
        lambda: reader.stop_pipeline_execution(PipelineExecutionArn=early["stopped"]),
        lambda: reader.retry_pipeline_execution(PipelineExecutionArn=early["failed"]),
    ):
        with pytest.raises(ClientError) as caught:
            change()
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_an_execution_that_ended_with_a_fail_step_cannot_be_retried(
    world: World, client: Any, early: dict[str, str]
) -> None:
    arn = early["refused"]
    assert ended(client, arn) == "Failed"
    found = steps(client, arn)
    assert found["Refuse"]["Metadata"] == {"Fail": {"ErrorMessage": "Verdict: bad"}}
    assert found["Refuse"]["FailureReason"] == "Verdict: bad"
    assert "Quick" not in found, "the branch that was not taken"
    with pytest.raises(client.exceptions.ConflictException, match="Fail step Refuse"):
        client.retry_pipeline_execution(PipelineExecutionArn=arn)


def test_a_retry_runs_the_failed_steps_again(world: World, client: Any, early: dict[str, str]) -> None:
    arn = early["failed"]
    ended(client, arn)
    retried = client.retry_pipeline_execution(
        PipelineExecutionArn=arn, ParallelismConfiguration={"MaxParallelExecutionSteps": 2}
    )
    assert retried["PipelineExecutionArn"] == arn
    assert ended(client, arn) == "Failed"
    assert steps(client, arn)["Work"]["AttemptCount"] == 2
    variables = world.airflow.api.request("GET", "variables", limit=100)["variables"]
    bounds = {one["key"]: one["value"] for one in variables if one["key"].startswith("sm_max_parallel_steps:")}
    assert list(bounds.values()) == ["2"]


def test_a_stop_stops_the_jobs(world: World, client: Any, early: dict[str, str]) -> None:
    arn = early["stopped"]

    def work() -> dict[str, Any] | None:
        found = steps(client, arn).get("Work")
        return found if found and found["StepStatus"] == "Executing" and found.get("Metadata") else None

    wait_for(work, 90, "Work to be in progress")
    for _ in range(2):
        assert client.stop_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    assert ended(client, arn) == "Stopped"
    assert {name: step["StepStatus"] for name, step in steps(client, arn).items()} == {"Work": "Stopped"}
    job = f"pipelines-{arn.rpartition('/')[2]}-Work-"

    def statuses() -> set[str] | None:
        jobs = world.sagemaker.list_processing_jobs(NameContains=job)["ProcessingJobSummaries"]
        found = {one["ProcessingJobStatus"] for one in jobs}
        return found if found == {"Stopped"} else None

    wait_for(statuses, 60, "the job to be stopped")
    with pytest.raises(client.exceptions.ConflictException, match="ended: Succeeded"):
        client.stop_pipeline_execution(PipelineExecutionArn=early["good"])


def test_a_stopped_execution_goes_on_when_it_is_retried(world: World, client: Any, early: dict[str, str]) -> None:
    arn = early["stopped"]
    assert ended(client, arn) == "Stopped"
    before = steps(client, arn)["Work"]["Metadata"]["ProcessingJob"]["Arn"]
    client.retry_pipeline_execution(PipelineExecutionArn=arn)

    def again() -> bool:
        work = steps(client, arn).get("Work", {})
        return work.get("StepStatus") == "Executing" and work.get("Metadata", {}) not in (
            {},
            {"ProcessingJob": {"Arn": before}},
        )

    wait_for(again, 90, "another job of Work")
    described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["PipelineExecutionStatus"] == "Executing"
    assert "PipelineExecutionDescription" not in described, "the note of the stop is gone"
    client.stop_pipeline_execution(PipelineExecutionArn=arn)


def test_the_same_client_request_token_starts_one_run(world: World, client: Any) -> None:
    token = uuid.uuid4().hex
    arguments = {
        "PipelineName": "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Started-Pipeline",
        "PipelineExecutionDisplayName": "nightly-run",
        "PipelineExecutionDescription": "said why",
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
        "ClientRequestToken": token,
    }
    arns = {client.start_pipeline_execution(**arguments)["PipelineExecutionArn"] for _ in range(2)}
    [arn] = arns
    assert arn.startswith("arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Started-Pipeline/execution/")
    with pytest.raises(client.exceptions.ConflictException, match="other arguments"):
        client.start_pipeline_execution(**{**arguments, "PipelineParameters": parameters(Verdict="bad")})
    described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["PipelineExecutionDisplayName"] == "nightly-run"
    assert described["PipelineExecutionDescription"] == "said why"
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    conf = world.airflow.api.request("GET", f"dags/started/dagRuns/start__{token}")["conf"]
    assert conf == {"sm_display_name": "nightly-run", "sm_max_parallel_steps": 3}


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"PipelineName": "nobody"}, "ResourceNotFound", "nobody"),
        ({"PipelineParameters": parameters(Nope="1")}, "ValidationException", "has no parameter 'Nope'"),
        ({"PipelineParameters": parameters(Seconds="soon")}, "ValidationException", "'soon' does not match"),
        ({"PipelineVersionId": 3}, "ValidationException", "PipelineVersionId is not supported"),
    ],
)
def test_the_errors_are_the_apis_own(
    world: World, client: Any, members: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        client.start_pipeline_execution(**{"PipelineName": NAME, **members})
    assert caught.value.response["Error"]["Code"] == code


def test_without_a_valid_token_nothing_is_told(world: World) -> None:
    with pytest.raises(ClientError) as caught:
        client_of(world, "forged").list_pipeline_executions(PipelineName=NAME)
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_the_executions_of_a_pipeline_are_listed_page_by_page(world: World, client: Any, early: dict[str, str]) -> None:
    pages = client.get_paginator("list_pipeline_executions").paginate(
        PipelineName=NAME, PaginationConfig={"PageSize": 2}
    )
    arns = [one["PipelineExecutionArn"] for page in pages for one in page["PipelineExecutionSummaries"]]
    assert set(early.values()) <= set(arns)
    assert len(set(arns)) == len(arns)
    first = client.list_pipeline_executions(PipelineName=NAME, SortOrder="Ascending", MaxResults=1)
    assert first["PipelineExecutionSummaries"][0]["PipelineExecutionArn"] == arns[-1]
    later = client.list_pipeline_executions(PipelineName=NAME, CreatedAfter=datetime.now(UTC) + timedelta(hours=1))
    assert later["PipelineExecutionSummaries"] == []


def test_the_steps_of_a_loop_are_told_with_their_iteration(world: World, client: Any) -> None:
    items = '[{"seconds": 0, "exit": 0, "then": 0}, {"seconds": 0, "exit": 0, "then": 0}]'
    arn = client.start_pipeline_execution(PipelineName="for_each", PipelineParameters=parameters(Items=items))[
        "PipelineExecutionArn"
    ]
    assert "/pipeline/for-each/execution/" in arn.replace(":pipeline", "/pipeline")
    assert ended(client, arn) == "Succeeded"
    found = steps(client, arn)
    assert set(found) == {"Each", "First-0", "First-1", "Second-0", "Second-1", "After"}
    context = found["First-1"]["IterationContext"]
    assert (context["ParentStepName"], context["Index"]) == ("Each", 1)
    assert context["Item"] == '{"seconds": 0, "exit": 0, "then": 0}'
    counts = found["Each"]["Metadata"]["ForEach"]
    assert (counts["Status"], counts["InputItemCount"], counts["SucceededStepCount"]) == ("Succeeded", 2, 4)
    assert found["Each"]["EndTime"] >= found["Second-1"]["EndTime"]
