"""EndpointConfig steps against the local AWS: a name that is taken is no failure if what it names is the same."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.errors import StepFailedError

pytestmark = pytest.mark.loopback

VARIANT = {"VariantName": "all", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@pytest.fixture
def make_task(make_tasks: Any, ti: Any, hosting: Any) -> Any:
    """Make the task of a step with one variant, of which some members differ."""

    def make(name: str | None = "shop", role_arn: str | None = None, **members: Any) -> Any:
        named = {"EndpointConfigName": name} if name else {}
        arguments = {**named, "ProductionVariants": [{**VARIANT, **members}]}
        task = make_tasks({"Name": "Config", "Type": "EndpointConfig", "Arguments": arguments}, role_arn=role_arn)
        ti.task_id, ti.task = "Config", task["Config"]
        return task["Config"]

    return make


def test_the_definitions_name_is_the_name_itself(make_task: Any, context: Any) -> None:
    assert make_task().execute(context)["EndpointConfigName"] == "shop"


def test_without_a_name_one_is_made(make_task: Any, context: Any) -> None:
    assert make_task(None).execute(context)["EndpointConfigName"].startswith("pipelines-")


def test_the_pipelines_role_is_not_the_endpoints(make_task: Any, context: Any) -> None:
    properties = make_task(role_arn="arn:aws:iam::123456789012:role/Pipeline").execute(context)

    assert "ExecutionRoleArn" not in properties


def test_the_same_configuration_is_found_again(make_task: Any, context: Any, through: Any) -> None:
    made = make_task().execute(context)
    context["ti"].max_tries += 4
    watched = through()

    assert make_task().execute(context)["CreationTime"] == made["CreationTime"]
    assert watched.made.count("create_endpoint_config") == 1, "AWS is asked, and refuses"


def test_another_configuration_of_the_name_is_a_failure_that_says_what_differs(
    make_task: Any, context: Any, hosting: Any
) -> None:
    make_task().execute(context)
    context["ti"].max_tries += 4

    with pytest.raises(StepFailedError, match=r"differs in ProductionVariants\[0\].InitialInstanceCount") as caught:
        make_task(InitialInstanceCount=2).execute(context)

    assert caught.value.exception_type is None
    found = hosting.describe_endpoint_config(EndpointConfigName="shop")
    assert found["ProductionVariants"][0]["InitialInstanceCount"] == 1


@pytest.mark.parametrize("before", [True, False], ids=["before-a-call", "after-a-call"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_crash_at_any_call_makes_one_configuration(
    make_task: Any, context: Any, hosting: Any, through: Any, before: bool, at: int
) -> None:
    crashing = through(at, before=before)
    with pytest.raises(crashing.Crashed):
        make_task().execute(context)
    through()
    context["ti"].try_number = 2

    assert make_task().execute(context)["EndpointConfigName"] == "shop"
    assert len(hosting.list_endpoint_configs()["EndpointConfigs"]) == 1
