"""EMR Serverless over a stubbed API; `tests/sensors/test_emr_serverless.py` tries it against the local AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_APPLICATION, EMR_SERVERLESS_JOB
from airflow_sm_pipelines.errors import AwsCallError

ATTEMPT = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"
APPLICATION_ARN = "arn:aws:emr-serverless:eu-west-1:123456789012:/applications/00f1"
RUN_ARN = f"{APPLICATION_ARN}/jobruns/00g2"
TIMES = {"createdAt": 0, "updatedAt": 0}
RUN = {
    "applicationId": "00f1",
    "arn": RUN_ARN,
    "createdBy": "arn:aws:iam::123456789012:user/u",
    "executionRole": "arn:aws:iam::123456789012:role/Role",
    "releaseLabel": "emr-7.0.0",
    **TIMES,
}


@pytest.fixture(scope="module")
def client() -> Any:
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("emr-serverless", region_name="eu-west-1", **keys)


@pytest.fixture
def answers(client: Any) -> Iterator[Stubber]:
    """The answers of AWS in order; every one of them must be asked for."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def describes_run(answers: Stubber, state: str, details: str = "as usual") -> None:
    run = {
        **RUN,
        "jobRunId": "00g2",
        "state": state,
        "stateDetails": details,
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://bucket/job.py"}},
    }
    answers.add_response("get_job_run", {"jobRun": run}, {"applicationId": "00f1", "jobRunId": "00g2"})


def describes_application(answers: Stubber, state: str) -> None:
    application = {"applicationId": "00f1", "arn": APPLICATION_ARN, "releaseLabel": "emr-7.0.0", "type": "Spark"}
    answers.add_response("get_application", {"application": {**application, "state": state, **TIMES}})


def lists_applications(answers: Stubber, *names: str) -> None:
    application = {"id": "00f1", "arn": APPLICATION_ARN, "releaseLabel": "emr-7.0.0", "type": "Spark"}
    found = [{**application, "name": name, "state": "STARTED", **TIMES} for name in names]
    answers.add_response("list_applications", {"applications": found}, {"states": ANY, "maxResults": 50})


def lists_runs(answers: Stubber, *names: str, **sent: Any) -> None:
    found = [{**RUN, "id": "00g2", "name": name, "state": "RUNNING", "stateDetails": "as usual"} for name in names]
    answers.add_response("list_job_runs", {"jobRuns": found}, {"applicationId": "00f1", "maxResults": 50, **sent})


# -- runs --------------------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_the_attempt_at_the_end_of_its_name(client: Any, answers: Stubber) -> None:
    lists_runs(answers, "somebody else's", f"daily {ATTEMPT}")
    describes_run(answers, "FAILED", "out of memory")

    seen = jobs.observe(client, EMR_SERVERLESS_JOB, f"00f1/{ATTEMPT}")

    assert seen is not None
    assert (seen.outcome, seen.reason, seen.reference) == (Outcome.FAILED, "out of memory", "00f1/00g2")


def test_a_run_in_an_application_that_is_gone_does_not_exist(client: Any, answers: Stubber) -> None:
    answers.add_client_error("list_job_runs", "ResourceNotFoundException", "gone")

    assert jobs.observe(client, EMR_SERVERLESS_JOB, f"00f1/{ATTEMPT}") is None


@pytest.mark.parametrize("names", [(), ("somebody else's",)])
def test_there_is_no_run_as_long_as_its_own_application_does_not_exist(
    client: Any, answers: Stubber, names: tuple[str, ...]
) -> None:
    """What a try finds whose predecessor has written its attempt down, and was then refused the application."""
    lists_applications(answers, *names)

    assert jobs.observe(client, EMR_SERVERLESS_APPLICATION, ATTEMPT) is None


@pytest.mark.parametrize(("then", "stopped"), [("SUCCESS", False), ("CANCELLING", True)])
def test_a_run_that_ends_while_it_is_cancelled_is_no_error(
    client: Any, answers: Stubber, then: str, stopped: bool
) -> None:
    describes_run(answers, "RUNNING")
    answers.add_client_error("cancel_job_run", "ValidationException", "too late")
    describes_run(answers, then)

    assert jobs.stop(client, EMR_SERVERLESS_JOB, "00f1/00g2") is stopped


def test_a_refusal_to_cancel_a_running_run_is_reported(client: Any, answers: Stubber) -> None:
    describes_run(answers, "RUNNING")
    answers.add_client_error("cancel_job_run", "AccessDeniedException", "no")
    describes_run(answers, "RUNNING")

    with pytest.raises(AwsCallError, match="CancelJobRun: AccessDeniedException"):
        jobs.stop(client, EMR_SERVERLESS_JOB, "00f1/00g2")


def test_running_leaves_out_runs_that_end_with_their_own_application(client: Any, answers: Stubber) -> None:
    lists_applications(answers, f"mine/{ATTEMPT}")
    other = ATTEMPT.replace("Step", "Other")
    lists_runs(answers, ATTEMPT, f"daily {other}", "adhoc", states=list(EMR_SERVERLESS_JOB.running_states))

    assert list(jobs.running(client, EMR_SERVERLESS_JOB)) == [(f"00f1/{other}", RUN_ARN)]


# -- applications of one run -------------------------------------------------------------------------------------------


def test_a_run_waits_for_an_application_of_its_own(client: Any, answers: Stubber) -> None:
    describes_application(answers, "CREATING")
    request = {"applicationId": "00f1", "clientToken": ATTEMPT}

    assert jobs.create(client, EMR_SERVERLESS_APPLICATION, request) is None


def test_running_applications_are_those_of_attempts(client: Any, answers: Stubber) -> None:
    lists_applications(answers, "shared", f"mine/{ATTEMPT}")

    assert list(jobs.running(client, EMR_SERVERLESS_APPLICATION)) == [(ATTEMPT, APPLICATION_ARN)]


def test_an_application_is_cleaned_up_call_by_call(client: Any, answers: Stubber) -> None:
    live = {"states": list(EMR_SERVERLESS_APPLICATION.running_states)}
    describes_application(answers, "STARTED")
    lists_runs(answers, ATTEMPT, **live)
    describes_run(answers, "RUNNING")
    answers.add_response("cancel_job_run", {"applicationId": "00f1", "jobRunId": "00g2"})
    describes_application(answers, "STARTED")
    lists_runs(answers, **live)
    answers.add_response("stop_application", {}, {"applicationId": "00f1"})
    describes_application(answers, "STOPPING")
    describes_application(answers, "STOPPED")
    answers.add_response("delete_application", {}, {"applicationId": "00f1"})
    answers.add_client_error("get_application", "ResourceNotFoundException", "gone")

    left = [jobs.remove(client, EMR_SERVERLESS_APPLICATION, "00f1/00g2") for _ in range(5)]

    assert left == [True, True, True, False, False]


def test_an_application_that_was_never_started_is_deleted_at_once(client: Any, answers: Stubber) -> None:
    """API reference, DeleteApplication: an application is deleted in the state STOPPED or CREATED."""
    describes_application(answers, "CREATED")
    answers.add_response("delete_application", {}, {"applicationId": "00f1"})

    assert jobs.remove(client, EMR_SERVERLESS_APPLICATION, "00f1/00g2") is False


def test_a_shared_application_is_not_cleaned_up(client: Any, answers: Stubber) -> None:
    assert jobs.remove(client, EMR_SERVERLESS_JOB, "00f1/00g2") is False
