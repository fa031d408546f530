"""Every row of the table against botocore's model of the API."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import ENDPOINT_CONFIG, RESOURCE_KINDS, ResourceKind

# Those of EMR, whose APIs are made otherwise: test_emr_rows.
SAGEMAKER_KINDS = [kind for kind in RESOURCE_KINDS.values() if kind.service == "sagemaker"]


@pytest.fixture(params=SAGEMAKER_KINDS, ids=lambda kind: kind.key)
def kind(request: Any) -> Any:
    return request.param


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """The service models of all rows."""
    import botocore.session

    session = botocore.session.get_session()
    return {kind.service: session.get_service_model(kind.service) for kind in RESOURCE_KINDS.values()}


def states_of(kind: ResourceKind, models: dict[str, Any]) -> set[str]:
    description = models[kind.service].operation_model(kind.describe).output_shape
    return set(description.members[kind.status_member].enum)


def test_each_log_is_read_where_sagemaker_writes_it() -> None:
    """Developer guide, "CloudWatch Logs for Amazon SageMaker AI"; a tuning job's is that of its training jobs."""
    assert {kind.key: kind.log_group for kind in SAGEMAKER_KINDS if kind.log_group} == {
        "processing-job": "/aws/sagemaker/ProcessingJobs",
        "training-job": "/aws/sagemaker/TrainingJobs",
        "transform-job": "/aws/sagemaker/TransformJobs",
        "tuning-job": "/aws/sagemaker/TrainingJobs",
    }


def test_jobs_that_repeat_their_own_jobs_are_not_retried_after_an_internal_error() -> None:
    """Developer guide, "Retry Policy for Pipeline Steps"."""
    unretried = {kind.key: kind.unretried for kind in RESOURCE_KINDS.values() if kind.unretried}
    assert unretried == {key: {"SageMaker.JOB_INTERNAL_ERROR"} for key in ("auto-ml-job", "tuning-job")}


STOPPABLE = pytest.mark.parametrize("kind", [kind for kind in SAGEMAKER_KINDS if kind.stop], ids=lambda k: k.key)


def test_a_row_is_found_by_its_own_key() -> None:
    assert all(kind.key == key for key, kind in RESOURCE_KINDS.items())


def test_the_operations_exist(kind: ResourceKind, models: dict[str, Any]) -> None:
    named = {name for name in (kind.create, kind.describe, kind.stop, kind.list) if name}
    assert named <= set(models[kind.service].operation_names)
    assert {kind.create, kind.describe} <= named


def test_what_can_be_stopped_can_be_listed(kind: ResourceKind) -> None:
    assert bool(kind.stop) == bool(kind.list) == bool(kind.summaries_member)


def test_describe_takes_the_name_or_the_arn_alone(kind: ResourceKind, models: dict[str, Any]) -> None:
    required = models[kind.service].operation_model(kind.describe).input_shape.required_members
    assert set(required) == {kind.name_member, kind.parent_member} - {""}


def test_create_takes_the_name_or_the_token(kind: ResourceKind, models: dict[str, Any]) -> None:
    shape = models[kind.service].operation_model(kind.create).input_shape
    if kind.token_member:
        assert shape.members[kind.token_member].metadata.get("idempotencyToken") or kind.token_member in shape.members
        assert shape.members[kind.token_member].metadata["max"] >= kind.name_limit
    else:
        assert kind.name_member in shape.required_members
        assert shape.members[kind.name_member].metadata["max"] == kind.name_limit


@STOPPABLE
def test_the_name_member_is_in_every_request_and_summary(kind: ResourceKind, models: dict[str, Any]) -> None:
    model = models[kind.service]
    assert kind.name_member in model.operation_model(kind.stop).input_shape.required_members
    summary = model.operation_model(kind.list).output_shape.members[kind.summaries_member].member
    assert {kind.name_member, kind.arn_member} <= set(summary.members)


def test_the_arn_and_reason_members_are_in_the_answers(kind: ResourceKind, models: dict[str, Any]) -> None:
    model = models[kind.service]
    assert kind.arn_member in model.operation_model(kind.create).output_shape.members
    description = model.operation_model(kind.describe).output_shape.members
    assert {kind.arn_member, *kind.reason_members} <= set(description)


@STOPPABLE
def test_the_list_call_filters_as_we_ask_it_to(kind: ResourceKind, models: dict[str, Any]) -> None:
    members = models[kind.service].operation_model(kind.list).input_shape.members
    assert {"NameContains", "StatusEquals", "MaxResults", "NextToken"} <= set(members)
    assert set(kind.running_states) <= set(members["StatusEquals"].enum)
    assert members["MaxResults"].metadata.get("max", 100) >= 100


def test_the_role_member_is_in_the_create_request(kind: ResourceKind, models: dict[str, Any]) -> None:
    members = set(models[kind.service].operation_model(kind.create).input_shape.members)
    assert {kind.role_member} & members == ({kind.role_member} if kind.role_member else set())
    # An endpoint's own role is for inference components alone: the pipeline's is not meant.
    assert kind.role_member or kind is ENDPOINT_CONFIG or not members & {"RoleArn", "ExecutionRoleArn"}


def test_every_state_is_terminal_or_running(kind: ResourceKind, models: dict[str, Any]) -> None:
    if not kind.status_member:
        assert not kind.running_states, "it is there at once"
        return
    terminal = [*kind.succeeded, *kind.failed, *kind.stopped]
    assert sorted([*terminal, *kind.running_states]) == sorted(states_of(kind, models))


def test_a_stopping_resource_still_runs(kind: ResourceKind) -> None:
    assert kind.stopping_states <= set(kind.running_states)
    assert bool(kind.stopping_states) == bool(kind.stop)


def test_tags_are_a_list_in_the_create_request(kind: ResourceKind, models: dict[str, Any]) -> None:
    tags = models[kind.service].operation_model(kind.create).input_shape.members["Tags"]
    assert tags.type_name == "list"
    assert {"Key", "Value"} == set(tags.member.members)


def test_the_iam_actions_cover_the_calls_of_a_step(kind: ResourceKind) -> None:
    calls = {f"{kind.service}:{name}" for name in (kind.create, kind.describe, kind.stop, kind.list) if name}
    passes = {"iam:PassRole"} if kind.role_member else set()
    assert calls | passes <= set(kind.iam_actions)


def test_what_people_see_is_filled_in(kind: ResourceKind) -> None:
    filled = kind.console_path.format(name="@name", first="@first", last="@last", region="eu-west-1")
    assert "@" in filled
    assert not set(filled) & {"{", "}"}
    assert kind.noun
    int(kind.colour.removeprefix("#"), 16)
    assert len(kind.colour) == len("#rrggbb")
