"""Create, observe, stop and list SageMaker's resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.stub import Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, RESOURCE_KINDS
from airflow_sm_pipelines.errors import AwsCallError

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"
ARN = f"arn:aws:sagemaker:eu-west-1:123456789012:processing-job/{NAME}"


@pytest.fixture
def answers(sagemaker_client: Any) -> Iterator[Stubber]:
    """The answers of AWS in order; every one of them must be asked for."""
    with Stubber(sagemaker_client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def client(sagemaker_client: Any) -> Any:
    return sagemaker_client


def describes(answers: Stubber, status: str, **members: Any) -> None:
    description = {
        "ProcessingJobName": NAME,
        "ProcessingJobArn": ARN,
        "ProcessingJobStatus": status,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "image"},
        "CreationTime": "2026-01-01T00:00:00Z",
        **members,
    }
    answers.add_response("describe_processing_job", description, {"ProcessingJobName": NAME})


def refuses(answers: Stubber, method: str, code: str, message: str = "", status: int = 400) -> None:
    answers.add_client_error(method, code, message, status)


class Unreachable:
    """A client whose calls never get an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def describe_processing_job(self, **_: Any) -> None:
        raise self._error


# -- create ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def request_body(processing_arguments: dict[str, Any]) -> dict[str, Any]:
    return {"ProcessingJobName": NAME, **processing_arguments}


def test_create_sends_the_request(client: Any, answers: Stubber, request_body: dict[str, Any]) -> None:
    answers.add_response("create_processing_job", {"ProcessingJobArn": ARN}, request_body)

    assert jobs.create(client, PROCESSING_JOB, request_body) == jobs.Creation(True, NAME, ARN)


def test_create_adopts_a_job_of_the_same_name(client: Any, answers: Stubber, request_body: dict[str, Any]) -> None:
    refuses(answers, "create_processing_job", "ResourceInUse", "Job name must be unique")

    assert jobs.create(client, PROCESSING_JOB, request_body) == jobs.Creation(False, NAME)


def test_create_reports_any_other_refusal(client: Any, answers: Stubber, request_body: dict[str, Any]) -> None:
    refuses(answers, "create_processing_job", "ResourceLimitExceeded", "service limit")

    with pytest.raises(AwsCallError) as caught:
        jobs.create(client, PROCESSING_JOB, request_body)

    assert caught.value.exception_type == "SageMaker.RESOURCE_LIMIT"


# -- observe -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("InProgress", Outcome.RUNNING),
        ("Stopping", Outcome.RUNNING),
        ("Completed", Outcome.SUCCEEDED),
        ("Failed", Outcome.FAILED),
        ("Stopped", Outcome.STOPPED),
        ("AStateThatAwsAddsTomorrow", Outcome.RUNNING),
    ],
)
def test_what_a_state_means(client: Any, answers: Stubber, status: str, outcome: Outcome) -> None:
    describes(answers, status)

    seen = jobs.observe(client, PROCESSING_JOB, NAME)

    assert seen is not None
    assert (seen.status, seen.outcome) == (status, outcome)


def test_stopped_is_never_success() -> None:
    for kind in RESOURCE_KINDS.values():
        assert "Stopped" not in kind.succeeded
        assert kind.succeeded.isdisjoint(kind.failed | kind.stopped)


def test_the_most_telling_reason_is_taken(client: Any, answers: Stubber) -> None:
    describes(answers, "Failed", FailureReason="AlgorithmError", ExitMessage="exit 1")
    describes(answers, "Failed", FailureReason="", ExitMessage="exit 1")
    describes(answers, "Failed")

    seen = [jobs.observe(client, PROCESSING_JOB, NAME) for _ in range(3)]

    assert [look.reason for look in seen if look] == ["AlgorithmError", "exit 1", ""]


def test_a_job_that_does_not_exist_is_none(client: Any, answers: Stubber) -> None:
    refuses(answers, "describe_processing_job", "ValidationException", "Could not find requested job with name: x")

    assert jobs.observe(client, PROCESSING_JOB, NAME) is None


def test_a_refused_look_is_not_an_absent_job(client: Any, answers: Stubber) -> None:
    refuses(answers, "describe_processing_job", "AccessDeniedException", "no")

    with pytest.raises(AwsCallError):
        jobs.observe(client, PROCESSING_JOB, NAME)


@pytest.mark.parametrize(
    ("error", "exception_type"),
    [
        (EndpointConnectionError(endpoint_url="https://x"), "Step.SERVICE_FAULT"),
        (ReadTimeoutError(endpoint_url="https://x"), "Step.SERVICE_FAULT"),
        (NoCredentialsError(), None),
    ],
)
def test_aws_that_cannot_be_reached_is_a_service_fault(error: Exception, exception_type: str | None) -> None:
    with pytest.raises(AwsCallError) as caught:
        jobs.observe(Unreachable(error), PROCESSING_JOB, NAME)

    assert caught.value.exception_type == exception_type
    assert caught.value.code == type(error).__name__
    assert caught.value.__cause__ is error


# -- stop --------------------------------------------------------------------------------------------------------------


def test_stop_stops_a_running_job(client: Any, answers: Stubber) -> None:
    describes(answers, "InProgress")
    answers.add_response("stop_processing_job", {}, {"ProcessingJobName": NAME})

    assert jobs.stop(client, PROCESSING_JOB, NAME) is True


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_stop_leaves_an_ended_job_alone(client: Any, answers: Stubber, status: str) -> None:
    describes(answers, status)

    assert jobs.stop(client, PROCESSING_JOB, NAME) is False


def test_stop_of_a_job_that_does_not_exist(client: Any, answers: Stubber) -> None:
    refuses(answers, "describe_processing_job", "ValidationException", "Could not find requested job")

    assert jobs.stop(client, PROCESSING_JOB, NAME) is False


def test_stop_does_not_tell_a_stopping_job_again(client: Any, answers: Stubber) -> None:
    describes(answers, "Stopping")

    assert jobs.stop(client, PROCESSING_JOB, NAME) is True


@pytest.mark.parametrize(("then", "stopped"), [("Completed", False), ("Stopped", False), ("Stopping", True)])
def test_stop_of_a_job_that_ends_meanwhile(client: Any, answers: Stubber, then: str, stopped: bool) -> None:
    describes(answers, "InProgress")
    refuses(answers, "stop_processing_job", "ValidationException", "The request was rejected: the job is in status …")
    describes(answers, then)

    assert jobs.stop(client, PROCESSING_JOB, NAME) is stopped


def test_stop_of_a_job_that_vanishes_meanwhile(client: Any, answers: Stubber) -> None:
    describes(answers, "InProgress")
    refuses(answers, "stop_processing_job", "ResourceNotFound", "gone")
    refuses(answers, "describe_processing_job", "ResourceNotFound", "gone")

    assert jobs.stop(client, PROCESSING_JOB, NAME) is False


def test_a_refused_stop_of_a_running_job_is_reported(client: Any, answers: Stubber) -> None:
    describes(answers, "InProgress")
    refuses(answers, "stop_processing_job", "AccessDeniedException", "no")
    describes(answers, "InProgress")

    with pytest.raises(AwsCallError, match="StopProcessingJob: AccessDeniedException"):
        jobs.stop(client, PROCESSING_JOB, NAME)


# -- running -----------------------------------------------------------------------------------------------------------


def summary(name: str) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "ProcessingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:processing-job/{name}",
        "CreationTime": "2026-01-01T00:00:00Z",
        "ProcessingJobStatus": "InProgress",
    }


def lists(answers: Stubber, expected: dict[str, Any], *names: str, token: str = "") -> None:
    answer = {"ProcessingJobSummaries": [summary(name) for name in names], **({"NextToken": token} if token else {})}
    answers.add_response("list_processing_jobs", answer, {"MaxResults": 100, **expected})


def test_running_reads_every_page_of_every_running_state(client: Any, answers: Stubber) -> None:
    wanted = {"NameContains": "pipelines-x-"}
    lists(answers, {**wanted, "StatusEquals": "InProgress"}, "a", "b", token="more")
    lists(answers, {**wanted, "StatusEquals": "InProgress", "NextToken": "more"}, "c", token="still more")
    lists(answers, {**wanted, "StatusEquals": "InProgress", "NextToken": "still more"})
    lists(answers, {**wanted, "StatusEquals": "Stopping"}, "d")

    found = list(jobs.running(client, PROCESSING_JOB, "pipelines-x-"))

    assert [name for name, _ in found] == ["a", "b", "c", "d"]
    assert found[0][1].endswith("processing-job/a")


def test_running_without_a_name_asks_for_all(client: Any, answers: Stubber) -> None:
    lists(answers, {"StatusEquals": "InProgress"}, "a")
    lists(answers, {"StatusEquals": "Stopping"})

    assert [name for name, _ in jobs.running(client, PROCESSING_JOB)] == ["a"]
