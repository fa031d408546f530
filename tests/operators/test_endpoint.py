"""Endpoint steps against the local AWS: created, updated, rolled back, failed, killed and crashed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.errors import StepError, StepFailedError, StepTimeoutError
from airflow_sm_pipelines.execution import step_run
from airflow_sm_pipelines.execution.records import RECORD_KEY

pytestmark = pytest.mark.loopback

STATUS = "EndpointStatus"


def wait(client: Any, name: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = client.describe_endpoint(EndpointName=name)
        if found[STATUS] in ("InService", "Failed", "UpdateRollbackFailed"):
            return found


@pytest.fixture
def make_config(hosting: Any) -> Callable[[str], None]:
    def make(name: str) -> None:
        variant = {"VariantName": "all", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        hosting.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    return make


@pytest.fixture
def task(make_tasks: Any, make_config: Any, context: Any, ti: Any) -> Any:
    """The task of a step that deploys the configuration ``new``."""
    make_config("new")
    arguments = {"EndpointName": "shop", "EndpointConfigName": "new"}
    step = {"Name": "Deploy", "Type": "Endpoint", "Arguments": arguments}
    task = make_tasks(step, default_args={"retries": 1})["Deploy"]
    ti.task_id, ti.task = task.task_id, task
    return task


def test_a_missing_endpoint_is_created_under_the_definitions_own_name(task: Any, context: Any, hosting: Any) -> None:
    properties = task.execute(context)

    assert (properties["EndpointName"], properties[STATUS]) == ("shop", "InService")
    assert properties["EndpointConfigName"] == "new"
    tags = hosting.list_tags(ResourceArn=properties["EndpointArn"])["Tags"]
    assert {"Key": "sm-pipelines:task", "Value": "Deploy"} in tags


def test_an_endpoint_that_exists_is_updated(task: Any, context: Any, hosting: Any, make_config: Any) -> None:
    make_config("old")
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="old")
    wait(hosting, "shop")

    assert task.execute(context)["EndpointConfigName"] == "new"


def test_an_endpoint_that_is_being_changed_is_waited_for(
    task: Any, context: Any, hosting: Any, make_config: Any
) -> None:
    make_config("old")
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="old")

    assert task.execute(context)["EndpointConfigName"] == "new"


def test_an_endpoint_that_serves_the_configuration_already_is_left_alone(task: Any, context: Any, hosting: Any) -> None:
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="new")
    before = wait(hosting, "shop")

    assert task.execute(context)[STATUS] == "InService"
    assert hosting.describe_endpoint(EndpointName="shop")["LastModifiedTime"] == before["LastModifiedTime"]


def test_a_configuration_made_anew_under_the_old_name_is_deployed(
    task: Any, context: Any, hosting: Any, make_config: Any
) -> None:
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="new")
    before = wait(hosting, "shop")
    hosting.delete_endpoint_config(EndpointConfigName="new")
    make_config("new")

    task.execute(context)

    assert hosting.describe_endpoint(EndpointName="shop")["LastModifiedTime"] > before["LastModifiedTime"]


def test_a_failed_endpoint_fails_the_step_with_its_reason(task: Any, context: Any, fail_deployments: Any) -> None:
    fail_deployments("CreateEndpoint", "CapacityError: Unable to provision requested ML compute capacity")

    with pytest.raises(StepFailedError, match="endpoint shop/new ended Failed: CapacityError") as caught:
        task.execute(context)

    assert caught.value.exception_type == "SageMaker.CAPACITY_ERROR"


def test_a_retry_deletes_the_endpoint_that_failed_and_creates_it_again(
    task: Any, context: Any, fail_deployments: Any
) -> None:
    fail_deployments("CreateEndpoint", "InternalServerError: We encountered an internal error")
    with pytest.raises(StepFailedError):
        task.execute(context)
    context["ti"].try_number = 2

    assert task.execute(context)[STATUS] == "InService"


def test_a_failed_endpoint_of_somebody_else_is_not_deleted(
    task: Any, context: Any, hosting: Any, fail_deployments: Any
) -> None:
    fail_deployments("CreateEndpoint", "no disk")
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="new")
    wait(hosting, "shop")

    with pytest.raises(StepFailedError, match=r"endpoint shop is Failed \(no disk\), and this task did not create it"):
        task.execute(context)

    assert hosting.describe_endpoint(EndpointName="shop")[STATUS] == "Failed"


def test_an_update_that_is_rolled_back_fails_the_step(
    task: Any, context: Any, hosting: Any, make_config: Any, fail_deployments: Any
) -> None:
    make_config("old")
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="old")
    wait(hosting, "shop")
    fail_deployments("UpdateEndpoint", "the health check did not pass")

    with pytest.raises(StepFailedError, match="in service with the configuration old instead of new: the health check"):
        task.execute(context)

    assert wait(hosting, "shop")[STATUS] == "InService"
    context["ti"].try_number = 2
    assert task.execute(context)["EndpointConfigName"] == "new", "a retry updates again"


def test_a_roll_back_that_fails_fails_the_step(
    task: Any, context: Any, hosting: Any, make_config: Any, fail_deployments: Any
) -> None:
    make_config("old")
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="old")
    wait(hosting, "shop")
    fail_deployments("UpdateEndpoint", "UpdateRollbackFailed: no capacity for either")

    with pytest.raises(StepFailedError, match="ended UpdateRollbackFailed: UpdateRollbackFailed: no capacity"):
        task.execute(context)


@pytest.mark.parametrize("before", [True, False], ids=["before-a-call", "after-a-call"])
@pytest.mark.parametrize("exists", [False, True], ids=["created", "updated"])
@pytest.mark.parametrize("at", range(1, 5))
def test_a_crash_at_any_call_leads_to_one_deployment(
    task: Any,
    context: Any,
    hosting: Any,
    make_config: Any,
    through: Any,
    before: bool,
    exists: bool,
    at: int,
) -> None:
    if exists:
        make_config("old")
        hosting.create_endpoint(EndpointName="shop", EndpointConfigName="old")
        wait(hosting, "shop")
    crashing = through(at, before=before)
    with pytest.raises(crashing.Crashed):
        task.execute(context)
    watched = through()
    context["ti"].try_number = 2

    properties = task.execute(context)

    assert (properties[STATUS], properties["EndpointConfigName"]) == ("InService", "new")
    executed = [*(crashing.made[:-1] if before else crashing.made), *watched.made]
    change = "update_endpoint" if exists else "create_endpoint"
    assert executed.count(change) == 1
    assert "delete_endpoint" not in executed


@pytest.mark.parametrize("exists", [False, True], ids=["created", "updated"])
def test_an_answer_that_is_lost_is_no_failure(
    task: Any, context: Any, hosting: Any, make_config: Any, put_faults: Any, exists: bool
) -> None:
    if exists:
        make_config("old")
        hosting.create_endpoint(EndpointName="shop", EndpointConfigName="old")
        wait(hosting, "shop")
    operation = "UpdateEndpoint" if exists else "CreateEndpoint"
    put_faults({"service": "sagemaker", "operation": operation, "action": "drop_after", "times": 1})

    properties = task.execute(context)

    assert (properties[STATUS], properties["EndpointConfigName"]) == ("InService", "new")


def test_a_killed_task_leaves_the_endpoint_and_says_so(
    task: Any, context: Any, hosting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    described = hosting.describe_endpoint

    def kill_when_created(**request: Any) -> Any:
        answer = described(**request)
        task.on_kill()
        return answer

    monkeypatch.setattr(hosting, "describe_endpoint", kill_when_created)

    with pytest.raises(StepError, match=r"task was ended \(failed\); its endpoint is left as it is"):
        task.execute(context)

    monkeypatch.undo()
    assert wait(hosting, "shop")[STATUS] == "InService"


def test_a_deployment_that_takes_too_long_goes_on(
    task: Any, context: Any, hosting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expire(**_: Any) -> Any:
        raise AirflowTaskTimeout

    create = hosting.create_endpoint
    monkeypatch.setattr(hosting, "create_endpoint", lambda **request: (create(**request), expire()))

    with pytest.raises(StepTimeoutError, match="goes on: it cannot be stopped"):
        task.execute(context)

    assert wait(hosting, "shop")[STATUS] == "InService"


def test_a_cleared_task_does_not_touch_what_is_in_service(task: Any, context: Any, through: Any) -> None:
    task.execute(context)
    context["ti"].max_tries += 4
    context["ti"].try_number = 2
    watched = through()

    assert task.execute(context)[STATUS] == "InService"
    assert not {"delete_endpoint", "update_endpoint", "create_endpoint"} & set(watched.made)


def test_the_record_names_the_endpoint_and_what_it_is_to_serve(task: Any, context: Any) -> None:
    task.execute(context)

    record = context["task_state_store"].get(RECORD_KEY)
    assert (record["name"], record["reference"]) == ("shop", "shop/new")


def test_without_a_name_one_is_made(make_tasks: Any, make_config: Any, context: Any, ti: Any) -> None:
    make_config("new")
    step = {"Name": "Deploy", "Type": "Endpoint", "Arguments": {"EndpointConfigName": "new"}}
    task = make_tasks(step)["Deploy"]
    ti.task_id, ti.task = task.task_id, task

    assert task.execute(context)["EndpointName"].startswith("pipelines-")
