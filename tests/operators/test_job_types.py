"""Each job type against a stubbed API: what it sends, what it publishes, what a crash leaves."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY

from airflow_sm_pipelines.aws.kinds import MODEL, MODEL_PACKAGE
from airflow_sm_pipelines.errors import StepFailedError

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3"
ROLE = "arn:aws:iam::123456789012:role/Pipeline"


@pytest.fixture
def task_context(context: Any, ti: Any) -> Any:
    """The context of one task of ours."""

    def make(task: Any) -> dict[str, Any]:
        ti.task_id, ti.task = task.task_id, task
        return dict(context)

    return make


def model_step(name: str = "Create") -> dict[str, Any]:
    container = {"Image": "image:1", "ModelDataUrl": "s3://bucket/model.tar.gz", "Environment": {"N": 3}}
    return {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": container}}


def register_step(**arguments: Any) -> dict[str, Any]:
    return {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "abalone", "ModelApprovalStatus": "Approved", **arguments},
    }


def described_package(status: str = "Completed") -> dict[str, Any]:
    return {
        "ModelPackageName": "abalone",
        "ModelPackageArn": ARN,
        "ModelPackageVersion": 3,
        "CreationTime": 0,
        "ModelPackageStatus": status,
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
    }


def test_a_model_is_there_at_once_and_takes_the_pipelines_role(make_tasks: Any, api: Any, task_context: Any) -> None:
    task = make_tasks(model_step(), role_arn=ROLE)["Create"]
    sent: dict[str, Any] = {
        "ModelName": ANY,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": "image:1", "ModelDataUrl": "s3://bucket/model.tar.gz", "Environment": {"N": "3"}},
        "Tags": ANY,
    }
    api.add_response("create_model", {"ModelArn": f"{ARN}-model-of-more-than-20"}, sent)
    described = {"ModelName": "m", "CreationTime": 0, "ModelArn": f"{ARN}-model-of-more-than-20"}
    api.add_response("describe_model", described, {"ModelName": ANY})

    properties = task.execute(task_context(task))

    assert properties["ModelName"] == "m"
    assert task.request["ModelName"].startswith("pipelines-")


def test_a_version_is_registered_with_a_token_and_without_tags_or_a_name(
    make_tasks: Any, api: Any, task_context: Any
) -> None:
    task = make_tasks(register_step())["Register"]
    api.add_response("describe_model_package_group", described_group(), {"ModelPackageGroupName": "abalone"})
    sent = {"ModelPackageGroupName": "abalone", "ModelApprovalStatus": "Approved", "ClientToken": ANY}
    api.add_response("create_model_package", {"ModelPackageArn": ARN}, sent)
    api.add_response("describe_model_package", described_package(), {"ModelPackageName": ARN})

    properties = task.execute(task_context(task))

    assert properties["ModelPackageArn"] == ARN
    assert len(task.request["ClientToken"]) <= 36


def test_a_crash_after_the_answer_was_lost_sends_the_same_token(make_tasks: Any, api: Any, task_context: Any) -> None:
    task = make_tasks(register_step())["Register"]
    context, tokens = task_context(task), []
    api.add_response("describe_model_package_group", described_group())
    api.add_client_error("create_model_package", "InternalFailure", http_status_code=500)
    with pytest.raises(StepFailedError) as caught:
        task.execute(context)
    assert caught.value.exception_type == "Step.SERVICE_FAULT"
    tokens.append(task.request["ClientToken"])
    api.add_response("describe_model_package_group", described_group())
    api.add_response("create_model_package", {"ModelPackageArn": ARN})
    api.add_response("describe_model_package", described_package())

    context["ti"].try_number = 2
    task.execute(context)

    tokens.append(task.request["ClientToken"])
    assert tokens[0] == tokens[1]


def test_a_resumed_registration_asks_for_the_arn_that_was_written_down(
    make_tasks: Any, api: Any, task_context: Any
) -> None:
    task = make_tasks(register_step())["Register"]
    context = task_context(task)
    api.add_response("describe_model_package_group", described_group())
    api.add_response("create_model_package", {"ModelPackageArn": ARN})
    api.add_client_error("describe_model_package", "AccessDeniedException")
    with pytest.raises(StepFailedError, match="AccessDenied"):
        task.execute(context)

    api.add_response("describe_model_package", described_package(), {"ModelPackageName": ARN})
    api.add_response("describe_model_package", described_package(), {"ModelPackageName": ARN})
    context["ti"].try_number = 2

    assert task.execute(context)["ModelPackageVersion"] == 3


def test_what_costs_nothing_is_neither_stopped_nor_listed(api: Any) -> None:
    from airflow_sm_pipelines.aws import jobs

    for kind in (MODEL, MODEL_PACKAGE):
        assert jobs.stop(api.client, kind, "anything") is False
        assert list(jobs.running(api.client, kind)) == []


def described_group() -> dict[str, Any]:
    return {
        "ModelPackageGroupName": "abalone",
        "ModelPackageGroupArn": f"{ARN}-group",
        "CreationTime": 0,
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
    }
