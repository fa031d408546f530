"""From the Arguments of EMR and EMRServerless steps to requests."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.jobs import expected_reference
from airflow_sm_pipelines.aws.kinds import (
    EMR_CLUSTER,
    EMR_SERVERLESS_APPLICATION,
    EMR_SERVERLESS_JOB,
    EMR_STEP,
    MODEL_PACKAGE,
    PROCESSING_JOB,
)
from airflow_sm_pipelines.aws.requests.emr import (
    application_request,
    cluster_request,
    job_run_request,
    step_request,
)
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.errors import UnfitRequestError

ATTEMPT = "pipelines-abcdef012345-Step-tokentoken-0"
TAGS = owner_tags(Owner("here", "dag", "run", "Step"))
STEP: dict[str, Any] = {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}


def test_a_step_on_a_running_cluster() -> None:
    request = step_request({"ClusterId": "j-1", "StepConfig": STEP}, ATTEMPT, TAGS)

    name = f"{ATTEMPT} (here|dag|run|Step|-1)"
    assert request == {"JobFlowId": "j-1", "Steps": [{"ActionOnFailure": "CONTINUE", **STEP, "Name": name}]}


def test_what_the_step_config_says_about_failures_counts_on_a_running_cluster_only() -> None:
    given = {**STEP, "ActionOnFailure": "CANCEL_AND_WAIT", "Name": "mine"}

    [shared] = step_request({"ClusterId": "j-1", "StepConfig": given}, ATTEMPT, TAGS)["Steps"]
    [alone] = cluster_request({"ClusterConfig": {}, "StepConfig": given}, ATTEMPT, TAGS)["Steps"]

    assert shared["ActionOnFailure"] == "CANCEL_AND_WAIT"
    assert shared["Name"].startswith(ATTEMPT)
    assert alone == {**STEP, "ActionOnFailure": "TERMINATE_CLUSTER", "Name": ATTEMPT}


def test_a_cluster_lives_for_its_step_and_keeps_what_is_given() -> None:
    config = {"ReleaseLabel": "emr-7.0.0", "Instances": {"InstanceCount": 1}, "Tags": [{"Key": "a", "Value": "b"}]}

    request = cluster_request({"ClusterConfig": config, "StepConfig": STEP}, ATTEMPT, TAGS)

    assert request["Name"] == ATTEMPT
    assert request["Instances"] == {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": False}
    assert request["Tags"] == [{"Key": "a", "Value": "b"}, *TAGS]
    assert request["ReleaseLabel"] == "emr-7.0.0"


@pytest.mark.parametrize("tags", [7, True, 2.5, "x", {"Key": "a"}])
def test_tags_that_are_no_list_are_left_to_the_check_of_types(tags: Any) -> None:
    request = cluster_request({"ClusterConfig": {"Tags": tags}, "StepConfig": STEP}, ATTEMPT, TAGS)

    assert request["Tags"] == [tags, *TAGS]


@pytest.mark.parametrize("value", ["x", 7, [1]])
def test_what_must_be_an_object_and_is_none_cannot_be_requested(value: Any) -> None:
    with pytest.raises(UnfitRequestError, match=r"ClusterConfig\.Instances: expected an object"):
        cluster_request({"ClusterConfig": {"Instances": value}, "StepConfig": STEP}, ATTEMPT, TAGS)
    with pytest.raises(UnfitRequestError, match="StepConfig: expected an object"):
        step_request({"ClusterId": "j-1", "StepConfig": value}, ATTEMPT, TAGS)


def test_a_job_run_is_named_by_the_attempt_behind_its_own_name() -> None:
    arguments = {"JobConfig": {"name": "x" * 300, "tags": {"a": "b"}}, "ExecutionRoleArn": "role"}

    request = job_run_request(arguments, "00app", ATTEMPT, TAGS)

    assert request["name"] == f"{'x' * (255 - len(ATTEMPT))} {ATTEMPT}"
    assert request["clientToken"] == ATTEMPT
    assert request["executionRoleArn"] == "role"
    assert request["tags"] == {"a": "b", **{tag["Key"]: tag["Value"] for tag in TAGS}}
    assert job_run_request({"JobConfig": {}}, "00app", ATTEMPT, TAGS)["name"] == ATTEMPT


def test_an_application_is_named_by_the_attempt_behind_what_fits_of_its_own_name() -> None:
    request = application_request({"name": "y" * 64, "tags": None}, ATTEMPT, TAGS)

    assert len(request["name"]) == 64
    assert request["name"].endswith(f"y/{ATTEMPT}")
    assert request["clientToken"] == ATTEMPT
    assert application_request({}, "z" * 64, TAGS)["name"] == "z" * 64


@pytest.mark.parametrize(
    ("kind", "request_", "reference"),
    [
        (EMR_STEP, {"JobFlowId": "j-1"}, f"j-1/{ATTEMPT}"),
        (EMR_CLUSTER, {}, ATTEMPT),
        (EMR_SERVERLESS_JOB, {"applicationId": "00app"}, f"00app/{ATTEMPT}"),
        (EMR_SERVERLESS_APPLICATION, {"applicationId": "00app"}, f"00app/{ATTEMPT}"),
        (PROCESSING_JOB, {}, ATTEMPT),
        (MODEL_PACKAGE, {}, ""),
    ],
    ids=lambda value: getattr(value, "key", ""),
)
def test_where_a_resource_is_found_if_the_answer_of_create_is_lost(kind: Any, request_: Any, reference: str) -> None:
    assert expected_reference(kind, request_, ATTEMPT) == reference
