"""Pipelines as task groups in a DAG of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, Param

from airflow_sm_pipelines import pipeline_task_group
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import Waiting
from tests.translation.steps import Step, edges_of, when


@pytest.fixture
def group_in(definition: Any) -> Any:
    """Make a task group of some steps in a DAG with some params."""

    def make(*steps: Step, params: Step | None = None, members: Step | None = None, **arguments: Any) -> DAG:
        with DAG("own", schedule=None, params=params or {}) as dag:
            pipeline_task_group(definition(*steps, **(members or {})), **{"group_id": "train", **arguments})
        return dag

    return make


def test_a_group_has_a_task_for_each_step_under_its_own_name(group_in: Any, processing: Any) -> None:
    dag = group_in(processing("A"), processing("B", "A"))

    assert edges_of(dag) == {("train.A", "train.B")}
    assert dag.get_task("train.B").settings.task_ids == {"A": "train.A", "B": "train.B"}
    assert dag.get_task("train.A").settings.name == "train"


def test_a_group_without_prefix_keeps_the_steps_names(group_in: Any, processing: Any) -> None:
    assert group_in(processing("A"), prefix_group_id=False).get_task("A").settings.task_ids == {"A": "A"}


def test_the_status_of_a_group_is_a_task_of_the_group(group_in: Any, processing: Any) -> None:
    dag = group_in(processing("A"), processing("Notify", when("Failed", "A")))

    assert edges_of(dag) >= {("train.A", "train.pipeline_status"), ("train.Notify", "train.pipeline_status")}


def test_a_groups_parameters_have_the_value_given_else_the_dags_else_the_default(
    group_in: Any, processing: Any
) -> None:
    members = {"Parameters": [{"Name": name, "Type": "Integer", "DefaultValue": 1} for name in ("P", "Q", "R")]}

    dag = group_in(processing("A"), members=members, params={"Q": 5}, parameters={"P": 2})

    assert dag.get_task("train.A").settings.values == {"P": 2, "R": 1}
    assert dict(dag.params) == {"Q": 5}, "a group adds nothing to the DAG"


def test_a_groups_parameter_needs_a_value_from_somewhere(group_in: Any, processing: Any) -> None:
    members = {"Parameters": [{"Name": "P", "Type": "Integer"}]}

    with pytest.raises(InvalidDefinitionError) as caught:
        group_in(processing("A"), members=members)
    assert "parameter P has no default value, and the DAG has no param of that name" in str(caught.value)
    assert group_in(processing("A"), members=members, params={"P": 5})
    assert group_in(processing("A"), members=members, parameters={"P": 5})
    assert group_in(processing("A"), members=members, params={"P": Param(type="integer")}), "asked for at each run"


def test_the_options_of_a_group_reach_its_steps(group_in: Any, processing: Any) -> None:
    steps = processing("A"), processing("B", when("Failed", "A"))
    dag = group_in(
        *steps,
        pipeline_name="Abalone",
        role_arn="arn:aws:iam::1:role/R",
        aws_conn_id="other",
        region_name="eu-west-1",
        deferrable=False,
        poll_interval=5.0,
        overrides={"A": {"queue": "gpu"}},
        completed_with_failures="success",
    )
    a, status = dag.get_task("train.A"), dag.get_task("train.pipeline_status")

    assert (a.settings.name, a.settings.role_arn) == ("Abalone", "arn:aws:iam::1:role/R")
    assert a.connection == AwsConnection("other", "eu-west-1")
    assert a.waiting == Waiting(deferrable=False, poll_interval=5.0)
    assert a.queue == "gpu"
    assert status.completed_with_failures == "success"
