"""EMR over a stubbed API; `tests/sensors/test_emr.py` tries steps and clusters against the local AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.aws.kinds import EMR_CLUSTER, EMR_STEP
from airflow_sm_pipelines.aws.requests.emr import step_name
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_of, owner_tags
from airflow_sm_pipelines.errors import AwsCallError

ATTEMPT = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"
OWNER = Owner("blue", "dag", "run", "Step")
STEP = {"ClusterId": "j-1", "StepId": "s-1"}


@pytest.fixture(scope="module")
def client() -> Any:
    import boto3

    return boto3.client("emr", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def answers(client: Any) -> Iterator[Stubber]:
    """The answers of AWS in order; every one of them must be asked for."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


# -- steps -------------------------------------------------------------------------------------------------------------


def describes_step(answers: Stubber, state: str, **status: Any) -> None:
    step = {"Id": "s-1", "Name": step_name(ATTEMPT, owner_tags(OWNER)), "Status": {"State": state, **status}}
    answers.add_response("describe_step", {"Step": step}, STEP)


def cancels(answers: Stubber, **result: str) -> None:
    sent = {"ClusterId": "j-1", "StepIds": ["s-1"], "StepCancellationOption": "TERMINATE_PROCESS"}
    answers.add_response("cancel_steps", {"CancelStepsInfoList": [{"StepId": "s-1", **result}]}, sent)


def test_a_step_is_found_by_its_attempt_on_any_page(client: Any, answers: Stubber) -> None:
    other = {"Id": "s-0", "Name": "somebody else's"}
    answers.add_response("list_steps", {"Steps": [other], "Marker": "more"}, {"ClusterId": "j-1"})
    ours = {"Id": "s-1", "Name": step_name(ATTEMPT, owner_tags(OWNER))}
    answers.add_response("list_steps", {"Steps": [ours]}, {"ClusterId": "j-1", "Marker": "more"})
    describes_step(answers, "RUNNING")

    seen = jobs.observe(client, EMR_STEP, f"j-1/{ATTEMPT}")

    assert seen is not None
    assert (seen.outcome, seen.reference, seen.description["ClusterId"]) == (Outcome.RUNNING, "j-1/s-1", "j-1")


def test_a_step_on_a_cluster_that_is_gone_does_not_exist(client: Any, answers: Stubber) -> None:
    answers.add_client_error("list_steps", "InvalidRequestException", "Cluster id 'j-1' is not valid.")

    assert jobs.observe(client, EMR_STEP, f"j-1/{ATTEMPT}") is None


def test_a_step_is_failed_for_all_that_emr_says_once(client: Any, answers: Stubber) -> None:
    details = {"Reason": "Unknown Error.", "Message": "exit code 1", "LogFile": "s3://logs/stderr.gz"}
    describes_step(answers, "FAILED", FailureDetails=details, StateChangeReason={"Message": "exit code 1"})

    seen = jobs.observe(client, EMR_STEP, "j-1/s-1")

    assert seen is not None
    assert (seen.outcome, seen.reason) == (
        Outcome.FAILED,
        "Unknown Error.; exit code 1 (log: s3://logs/stderr.gz)",
    )


def test_a_step_that_emr_does_not_cancel_is_reported(client: Any, answers: Stubber) -> None:
    describes_step(answers, "RUNNING")
    cancels(answers, Status="FAILED", Reason="Step is not pending")
    describes_step(answers, "RUNNING")

    with pytest.raises(AwsCallError, match=r"CancelSteps: FAILED: Step is not pending \(EMR releases before 5.28.0"):
        jobs.stop(client, EMR_STEP, "j-1/s-1")


@pytest.mark.parametrize(("then", "stopped"), [("COMPLETED", False), ("CANCEL_PENDING", True)])
def test_a_step_that_ends_meanwhile_is_not_reported(client: Any, answers: Stubber, then: str, stopped: bool) -> None:
    describes_step(answers, "RUNNING")
    cancels(answers, Status="FAILED", Reason="too late")
    describes_step(answers, then)

    assert jobs.stop(client, EMR_STEP, "j-1/s-1") is stopped


def test_only_steps_of_ours_run_for_us_and_tell_their_owner(client: Any, answers: Stubber) -> None:
    name = step_name(ATTEMPT, owner_tags(OWNER))
    live = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
    answers.add_response("list_clusters", {"Clusters": [{"Id": "j-1"}]}, {"ClusterStates": live})
    steps = {"Steps": [{"Id": "s-0", "Name": "somebody else's (a|b)"}, {"Id": "s-1", "Name": name}]}
    answers.add_response("list_steps", steps, {"ClusterId": "j-1", "StepStates": list(EMR_STEP.running_states)})

    [(reference, arn)] = jobs.running(client, EMR_STEP, "pipelines-")

    assert (reference, arn) == (f"j-1/{ATTEMPT}", name)
    assert owner_of(jobs.tags(client, EMR_STEP, arn)) == OWNER


# -- clusters ----------------------------------------------------------------------------------------------------------


def describes_cluster(answers: Stubber, state: str, **reason: str) -> None:
    status = {"State": state, "StateChangeReason": reason}
    answers.add_response("describe_cluster", {"Cluster": {"Id": "j-1", "Name": ATTEMPT, "Status": status}})


def lists_step(answers: Stubber, state: str) -> None:
    step = {"Id": "s-1", "Name": ATTEMPT, "Status": {"State": state}}
    answers.add_response("list_steps", {"Steps": [step]}, {"ClusterId": "j-1"})


def test_a_cluster_runs_until_it_has_ended_and_then_is_what_its_step_is(client: Any, answers: Stubber) -> None:
    describes_cluster(answers, "TERMINATING")
    describes_cluster(answers, "TERMINATED", Code="ALL_STEPS_COMPLETED")
    lists_step(answers, "COMPLETED")

    running, ended = (jobs.observe(client, EMR_CLUSTER, "j-1") for _ in range(2))

    assert running is not None
    assert ended is not None
    assert (running.outcome, ended.outcome) == (Outcome.RUNNING, Outcome.SUCCEEDED)
    assert ended.description["ClusterId"] == "j-1"


@pytest.mark.parametrize(
    ("code", "outcome"), [("USER_REQUEST", Outcome.STOPPED), ("BOOTSTRAP_FAILURE", Outcome.FAILED)]
)
def test_a_cluster_that_ends_before_its_step_says_both(
    client: Any, answers: Stubber, code: str, outcome: Outcome
) -> None:
    describes_cluster(answers, "TERMINATED_WITH_ERRORS", Code=code, Message="for a reason")
    lists_step(answers, "CANCELLED")

    seen = jobs.observe(client, EMR_CLUSTER, "j-1")

    assert seen is not None
    assert (seen.status, seen.outcome) == ("CANCELLED with its cluster TERMINATED_WITH_ERRORS", outcome)
    assert seen.reason == f"{code}: for a reason"


def test_a_cluster_is_found_by_its_name_and_terminated_by_its_id(client: Any, answers: Stubber) -> None:
    answers.add_response("list_clusters", {"Clusters": [{"Id": "j-0", "Name": "x"}, {"Id": "j-1", "Name": ATTEMPT}]})
    describes_cluster(answers, "RUNNING")
    answers.add_response("terminate_job_flows", {}, {"JobFlowIds": ["j-1"]})

    assert jobs.stop(client, EMR_CLUSTER, ATTEMPT) is True


def test_a_cluster_that_was_told_to_end_is_not_told_again(client: Any, answers: Stubber) -> None:
    describes_cluster(answers, "TERMINATING")

    assert jobs.stop(client, EMR_CLUSTER, "j-1") is True


def test_a_refusal_to_terminate_a_running_cluster_is_reported(client: Any, answers: Stubber) -> None:
    describes_cluster(answers, "RUNNING")
    answers.add_client_error("terminate_job_flows", "AccessDeniedException", "no")
    describes_cluster(answers, "RUNNING")

    with pytest.raises(AwsCallError, match="TerminateJobFlows: AccessDeniedException"):
        jobs.stop(client, EMR_CLUSTER, "j-1")
