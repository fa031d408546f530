"""Every row of the table against botocore's model of the API."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.resources import RESOURCE_KINDS, ResourceKind


@pytest.fixture(params=RESOURCE_KINDS.values(), ids=lambda kind: kind.key)
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


def test_a_row_is_found_by_its_own_key() -> None:
    assert all(kind.key == key for key, kind in RESOURCE_KINDS.items())


def test_the_operations_exist(kind: ResourceKind, models: dict[str, Any]) -> None:
    assert {kind.create, kind.describe, kind.stop, kind.list} <= set(models[kind.service].operation_names)


def test_the_name_member_is_in_every_request_and_summary(kind: ResourceKind, models: dict[str, Any]) -> None:
    model = models[kind.service]
    for operation in (kind.create, kind.describe, kind.stop):
        assert kind.name_member in model.operation_model(operation).input_shape.required_members
    summary = model.operation_model(kind.list).output_shape.members[kind.summaries_member].member
    assert {kind.name_member, kind.arn_member} <= set(summary.members)


def test_the_arn_and_reason_members_are_in_the_answers(kind: ResourceKind, models: dict[str, Any]) -> None:
    model = models[kind.service]
    assert kind.arn_member in model.operation_model(kind.create).output_shape.members
    description = model.operation_model(kind.describe).output_shape.members
    assert {kind.arn_member, *kind.reason_members} <= set(description)


def test_the_list_call_filters_as_we_ask_it_to(kind: ResourceKind, models: dict[str, Any]) -> None:
    members = models[kind.service].operation_model(kind.list).input_shape.members
    assert {"NameContains", "StatusEquals", "MaxResults", "NextToken"} <= set(members)
    assert set(kind.running_states) <= set(members["StatusEquals"].enum)
    assert members["MaxResults"].metadata.get("max", 100) >= 100


def test_the_name_limit_is_the_apis_own(kind: ResourceKind, models: dict[str, Any]) -> None:
    members = models[kind.service].operation_model(kind.create).input_shape.members
    assert members[kind.name_member].metadata["max"] == kind.name_limit


def test_every_state_is_terminal_or_running(kind: ResourceKind, models: dict[str, Any]) -> None:
    terminal = [*kind.succeeded, *kind.failed, *kind.stopped]
    assert sorted([*terminal, *kind.running_states]) == sorted(states_of(kind, models))


def test_a_stopping_resource_still_runs(kind: ResourceKind) -> None:
    assert kind.stopping_states < set(kind.running_states)


def test_tags_are_a_list_in_the_create_request(kind: ResourceKind, models: dict[str, Any]) -> None:
    tags = models[kind.service].operation_model(kind.create).input_shape.members["Tags"]
    assert tags.type_name == "list"
    assert {"Key", "Value"} == set(tags.member.members)


def test_the_iam_actions_cover_the_calls_of_a_step(kind: ResourceKind) -> None:
    service = f"{kind.service}:"
    assert {service + kind.create, service + kind.describe, service + kind.stop, "iam:PassRole"} <= set(
        kind.iam_actions
    )


def test_what_people_see_is_filled_in(kind: ResourceKind) -> None:
    assert kind.console_path.format(name="job").count("job") >= 1
    assert kind.console_path.format(name="x") != kind.console_path
    assert kind.noun
    int(kind.colour.removeprefix("#"), 16)
    assert len(kind.colour) == len("#rrggbb")
