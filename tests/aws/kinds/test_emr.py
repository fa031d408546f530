"""The rows of EMR and EMR Serverless against botocore's models of their APIs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import (
    EMR_CLUSTER,
    EMR_SERVERLESS_APPLICATION,
    EMR_SERVERLESS_JOB,
    EMR_STEP,
    RESOURCE_KINDS,
    ResourceKind,
)

KINDS = (EMR_STEP, EMR_CLUSTER, EMR_SERVERLESS_JOB, EMR_SERVERLESS_APPLICATION)
IAM_PREFIXES = {"emr": "elasticmapreduce", "emr-serverless": "emr-serverless"}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.key)
def kind(request: Any) -> Any:
    return request.param


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """The service models of all rows."""
    import botocore.session

    session = botocore.session.get_session()
    return {name: session.get_service_model(name) for name in IAM_PREFIXES}


def test_every_row_of_these_services_is_tested_here() -> None:
    assert {kind.key for kind in KINDS} == {
        kind.key for kind in RESOURCE_KINDS.values() if kind.service in IAM_PREFIXES
    }


def test_the_operations_exist(kind: ResourceKind, models: dict[str, Any]) -> None:
    assert {kind.create, kind.describe, kind.stop, kind.list} <= set(models[kind.service].operation_names)


def test_what_the_resource_is_made_in_is_a_required_member_of_create(
    kind: ResourceKind, models: dict[str, Any]
) -> None:
    members = models[kind.service].operation_model(kind.create).input_shape.required_members
    assert {kind.parent_member} - {""} <= set(members)


def test_only_a_cluster_takes_tags_as_a_list_at_the_top(kind: ResourceKind, models: dict[str, Any]) -> None:
    members = models[kind.service].operation_model(kind.create).input_shape.members
    assert ("Tags" in members) == (kind is EMR_CLUSTER)


def test_the_names_fit(models: dict[str, Any]) -> None:
    emr, serverless = models["emr"], models["emr-serverless"]
    assert emr.operation_model("RunJobFlow").input_shape.members["Name"].metadata["max"] == EMR_CLUSTER.name_limit
    assert emr.shape_for("StepConfig").members["Name"].metadata["max"] == EMR_STEP.name_limit
    token = serverless.operation_model("StartJobRun").input_shape.members[EMR_SERVERLESS_JOB.token_member]
    assert token.metadata["max"] == EMR_SERVERLESS_JOB.name_limit


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(EMR_STEP, "StepState"), (EMR_CLUSTER, "ClusterState"), (EMR_SERVERLESS_JOB, "JobRunState")],
    ids=lambda one: getattr(one, "key", one),
)
def test_every_state_is_terminal_or_running(kind: ResourceKind, shape: str, models: dict[str, Any]) -> None:
    terminal = [*kind.succeeded, *kind.failed, *kind.stopped]
    assert sorted([*terminal, *kind.running_states]) == sorted(models[kind.service].shape_for(shape).enum)
    assert kind.stopping_states < set(kind.running_states)


def test_the_iam_actions_cover_the_calls_of_a_step(kind: ResourceKind) -> None:
    prefix = IAM_PREFIXES[kind.service]
    assert {f"{prefix}:{name}" for name in (kind.create, kind.describe, kind.stop, kind.list)} <= set(kind.iam_actions)


def test_the_iam_actions_are_operations(kind: ResourceKind, models: dict[str, Any]) -> None:
    prefix = f"{IAM_PREFIXES[kind.service]}:"
    named = {action.removeprefix(prefix) for action in kind.iam_actions if action.startswith(prefix)}
    assert named <= set(models[kind.service].operation_names)
