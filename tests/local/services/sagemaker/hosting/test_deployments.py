"""The life of a deployment, by a clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.sagemaker.hosting.deployments import DeploymentKind, Deployments, Pace
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceTable

KIND = DeploymentKind("endpoint", "endpoint", "RollingBack")


class Clock:
    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_by(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deployments(clock):
    return Deployments(KIND, ResourceTable(), clock)


@pytest.fixture
def key(deployments):
    return deployments.key("us-west-2", "shop")


@pytest.fixture
def in_service(deployments, key, clock):
    deployments.create(key, {"Version": 1}, "Step", Pace(10))
    clock.pass_by(10)


def state(deployments, key):
    members = deployments.get(key).members
    return deployments.status(members), members["served"], members["reason"]


def test_a_creation_takes_its_time(deployments, key, clock):
    deployments.create(key, {"Version": 1}, "Step", Pace(10))
    clock.pass_by(9)
    assert state(deployments, key) == ("Creating", None, None)
    clock.pass_by(1)
    assert state(deployments, key) == ("InService", {"Version": 1}, None)


def test_a_creation_that_fails_ends_failed(deployments, key, clock):
    deployments.create(key, {"Version": 1}, "Step", Pace(10, "no disk"))
    clock.pass_by(10)
    status, _, reason = state(deployments, key)
    assert (status, reason) == ("Failed", "no disk")


@pytest.mark.usefixtures("in_service")
def test_an_update_serves_the_old_version_until_it_ends(deployments, key, clock):
    deployments.update(key, lambda served: {**served, "Version": 2}, Pace(10))
    clock.pass_by(9)
    assert state(deployments, key) == ("Updating", {"Version": 1}, None)
    clock.pass_by(1)
    assert state(deployments, key) == ("InService", {"Version": 2}, None)


@pytest.mark.usefixtures("in_service")
def test_an_update_that_fails_is_rolled_back(deployments, key, clock):
    deployments.update(key, lambda _: {"Version": 2}, Pace(10, "unhealthy"))
    clock.pass_by(10)
    assert state(deployments, key) == ("RollingBack", {"Version": 1}, None)
    clock.pass_by(10)
    assert state(deployments, key) == ("InService", {"Version": 1}, "unhealthy")


@pytest.mark.usefixtures("in_service")
def test_a_later_update_forgets_the_reason(deployments, key, clock):
    deployments.update(key, lambda _: {"Version": 2}, Pace(10, "unhealthy"))
    clock.pass_by(20)
    deployments.get(key)
    deployments.update(key, lambda _: {"Version": 3}, Pace(10))
    clock.pass_by(10)
    assert state(deployments, key) == ("InService", {"Version": 3}, None)


@pytest.mark.usefixtures("in_service")
def test_a_roll_back_can_fail_too(deployments, key, clock):
    deployments.update(key, lambda _: {"Version": 2}, Pace(10, "UpdateRollbackFailed: no capacity"))
    clock.pass_by(20)
    assert state(deployments, key) == ("UpdateRollbackFailed", {"Version": 1}, "UpdateRollbackFailed: no capacity")


@pytest.mark.usefixtures("in_service")
def test_a_deleted_one_is_gone_after_a_while_and_its_name_is_free(deployments, key, clock):
    deployments.delete(key, Pace(10))
    assert state(deployments, key)[0] == "Deleting"
    with pytest.raises(AwsError, match="already existing"):
        deployments.create(key, {"Version": 2}, "Step", Pace(10))
    clock.pass_by(10)
    with pytest.raises(AwsError, match="Could not find"):
        deployments.get(key)
    deployments.create(key, {"Version": 2}, "Step", Pace(10))
    assert state(deployments, key)[0] == "Creating"


def test_what_is_in_motion_can_be_neither_updated_nor_deleted(deployments, key):
    deployments.create(key, {"Version": 1}, "Step", Pace(10))
    with pytest.raises(AwsError, match='Cannot update in-progress endpoint "arn:aws:sagemaker:us-west-2'):
        deployments.update(key, lambda _: {}, Pace(10))
    with pytest.raises(AwsError, match="Cannot update in-progress endpoint"):
        deployments.delete(key, Pace(10))


def test_a_failed_one_can_only_be_deleted(deployments, key, clock):
    deployments.create(key, {"Version": 1}, "Step", Pace(10, "no disk"))
    clock.pass_by(10)
    with pytest.raises(AwsError, match="in status Failed; delete it"):
        deployments.update(key, lambda _: {}, Pace(10))
    deployments.delete(key, Pace(0))
    assert deployments.all("us-west-2") == []


@pytest.mark.usefixtures("in_service")
def test_all_are_shown_as_they_are_now(deployments, clock):
    deployments.create(deployments.key("us-west-2", "stall"), {}, "", Pace(10))
    states = {found.key.name: deployments.status(found.members) for found in deployments.all("us-west-2")}
    assert states == {"shop": "InService", "stall": "Creating"}
    assert deployments.all("eu-west-1") == []
