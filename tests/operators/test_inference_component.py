"""InferenceComponent steps against the local AWS: created, updated, rolled back, failed, crashed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.errors import StepFailedError

pytestmark = pytest.mark.loopback

NAME = "InferenceComponentName"
STATUS = "InferenceComponentStatus"


@pytest.fixture
def endpoint(hosting: Any) -> None:
    """An endpoint ``shop`` in service, with a variant ``all``."""
    variant = {"VariantName": "all", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    hosting.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    hosting.create_endpoint(EndpointName="shop", EndpointConfigName="config")
    while hosting.describe_endpoint(EndpointName="shop")["EndpointStatus"] != "InService":
        pass


@pytest.fixture
def make_task(make_tasks: Any, ti: Any, endpoint: None) -> Any:
    """Make the task of a step that deploys an image so many times."""

    def make(copies: int = 1, **arguments: Any) -> Any:
        specification = {
            "Container": {"Image": "image:1"},
            "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 128},
        }
        request = {
            NAME: "adviser",
            "EndpointName": "shop",
            "VariantName": "all",
            "Specification": specification,
            "RuntimeConfig": {"CopyCount": copies},
            **arguments,
        }
        step = {"Name": "Component", "Type": "InferenceComponent", "Arguments": request}
        task = make_tasks(step, default_args={"retries": 1})["Component"]
        ti.task_id, ti.task = task.task_id, task
        return task

    return make


def anew(context: Any) -> Any:
    """Do as if a human had cleared the task."""
    context["ti"].max_tries += 4
    return context


def test_a_missing_component_is_created_under_the_definitions_own_name(make_task: Any, context: Any) -> None:
    properties = make_task().execute(context)

    assert (properties[NAME], properties[STATUS]) == ("adviser", "InService")


def test_a_component_that_exists_is_updated(make_task: Any, context: Any, through: Any) -> None:
    make_task().execute(context)
    watched = through()

    properties = make_task(copies=2).execute(anew(context))

    assert properties["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert "update_inference_component" in watched.made


def test_a_component_that_is_as_wanted_is_left_alone(make_task: Any, context: Any, through: Any) -> None:
    make_task().execute(context)
    watched = through()

    make_task().execute(anew(context))

    assert set(watched.made) == {"describe_inference_component"}


def test_a_component_is_not_moved_to_another_endpoint(make_task: Any, context: Any) -> None:
    make_task().execute(context)

    with pytest.raises(StepFailedError, match=r"exists with EndpointName 'shop', not 'stall', which no update can"):
        make_task(EndpointName="stall").execute(anew(context))


def test_a_failed_component_fails_the_step_and_a_retry_creates_it_again(
    make_task: Any, context: Any, fail_deployments: Any
) -> None:
    fail_deployments("CreateInferenceComponent", "CapacityError: no memory left on the instances")
    with pytest.raises(StepFailedError, match="component adviser ended Failed: CapacityError: no memory") as caught:
        make_task().execute(context)
    assert caught.value.exception_type == "SageMaker.CAPACITY_ERROR"
    context["ti"].try_number = 2

    assert make_task().execute(context)[STATUS] == "InService"


def test_an_update_that_is_rolled_back_fails_the_step(make_task: Any, context: Any, fail_deployments: Any) -> None:
    make_task().execute(context)
    fail_deployments("UpdateInferenceComponent", "the new copies did not start")

    with pytest.raises(StepFailedError, match="in service as before the update: the new copies did not start"):
        make_task(copies=2).execute(anew(context))

    context["ti"].try_number = 2
    assert make_task(copies=2).execute(context)["RuntimeConfig"]["DesiredCopyCount"] == 2


@pytest.mark.parametrize("before", [True, False], ids=["before-a-call", "after-a-call"])
@pytest.mark.parametrize("exists", [False, True], ids=["created", "updated"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_crash_at_any_call_leads_to_one_deployment(
    make_task: Any, context: Any, through: Any, before: bool, exists: bool, at: int
) -> None:
    if exists:
        make_task(copies=2).execute(context)
        anew(context)
    crashing = through(at, before=before)
    with pytest.raises(crashing.Crashed):
        make_task().execute(context)
    watched = through()
    context["ti"].try_number = 2

    properties = make_task().execute(context)

    assert (properties[STATUS], properties["RuntimeConfig"]["DesiredCopyCount"]) == ("InService", 1)
    executed = [*(crashing.made[:-1] if before else crashing.made), *watched.made]
    change = "update_inference_component" if exists else "create_inference_component"
    assert executed.count(change) == 1
