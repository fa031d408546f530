"""The tasks of a pipeline's steps, their edges and their labels."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from msgspec import msgpack

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.operators.control_flow import ConditionOperator, FailOperator
from airflow_sm_pipelines.operators.jobs import ProcessingOperator
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator
from tests.definition.test_mutations import MARK, WITH_NUMBERS, numbers_in
from tests.translation.steps import condition, edges_of, fail, when


def labels(dag: DAG) -> dict[tuple[str, str], str | None]:
    return {
        (upstream, task): info["label"] for upstream, found in dag.edge_info.items() for task, info in found.items()
    }


def test_numbers_of_any_size_are_refused_or_can_be_sent_between_airflows_processes() -> None:
    accepted = 0
    for text in numbers_in(WITH_NUMBERS):
        for number in (str(2**63 - 1), str(2**63), "1e19", "1e308"):
            try:
                dag = pipeline_dag(text.replace(MARK, number), dag_id="d")
            except InvalidDefinitionError:
                continue
            assert msgpack.encode(DagSerialization.to_dict(dag))
            accepted += 1
    assert accepted > 20


def test_a_step_is_one_task_of_its_name_and_type(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A-1_b"), condition("class", [fail("Stop")], []))

    assert {task.task_id: type(task) for task in dag.tasks} == {
        "A-1_b": ProcessingOperator,
        "class": ConditionOperator,
        "Stop": FailOperator,
    }


def test_names_that_differ_in_a_hyphen_only_are_two_tasks(dag_of: Any, processing: Any) -> None:
    assert set(dag_of(processing("a-b"), processing("a_b")).task_ids) == {"a-b", "a_b"}


def test_depends_on_and_references_are_edges(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B"), processing("C", "A", reads="B"), processing("D", reads="C"))

    assert edges_of(dag) == {("A", "C"), ("B", "C"), ("C", "D")}


def test_a_condition_has_an_edge_to_each_step_of_both_branches(dag_of: Any, processing: Any) -> None:
    inner = condition("Inner", [processing("Deep")], [])
    dag = dag_of(processing("A"), condition("Outer", [processing("If", reads="A"), inner], [fail("Else")]))

    assert {edge for edge in edges_of(dag) if edge[1] != "pipeline_status"} == {
        ("Outer", "If"),
        ("A", "If"),
        ("Outer", "Inner"),
        ("Inner", "Deep"),
        ("Outer", "Else"),
    }


def test_a_step_outside_may_wait_for_one_inside_a_branch(dag_of: Any, processing: Any) -> None:
    dag = dag_of(condition("Check", [processing("If")], []), processing("After", "If"))

    assert edges_of(dag) == {("Check", "If"), ("If", "After")}
    assert dag.get_task("After").trigger_rule == "all_success"


def test_without_triggers_airflows_own_rule_is_enough(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B", "A"), condition("C", [fail("F")], [], DependsOn=["B"]))

    assert {task.trigger_rule for task in dag.tasks} == {"all_success"}


@pytest.mark.parametrize("trigger", ["Failed", "Stopped", "Any"])
def test_a_step_with_a_trigger_starts_when_all_have_ended(dag_of: Any, processing: Any, trigger: str) -> None:
    dag = dag_of(processing("A"), processing("B"), processing("Notify", when(trigger, "A"), "B"))

    rules = {task.task_id: task.trigger_rule for task in dag.tasks}
    assert rules == {"A": "all_success", "B": "all_success", "Notify": "all_done", "pipeline_status": "all_done"}


@pytest.mark.parametrize("trigger", ["Failed", "Stopped", "Any"])
def test_a_pipeline_with_triggers_has_one_leaf_that_tells_its_status(
    dag_of: Any, processing: Any, trigger: str
) -> None:
    dag = dag_of(processing("A"), processing("Notify", when(trigger, "A")), processing("C"))
    status = dag.get_task("pipeline_status")

    assert isinstance(status, PipelineStatusOperator)
    assert status.upstream_task_ids == {"A", "Notify", "C"}
    assert [task.task_id for task in dag.leaves] == ["pipeline_status"]
    assert status.steps_of_tasks == {"A": "A", "Notify": "Notify", "C": "C"}


def test_so_has_a_pipeline_whose_branches_may_hide_a_failure(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), condition("C", [processing("B", "A")], []))

    assert [task.task_id for task in dag.leaves] == ["pipeline_status"]


def test_a_pipeline_without_triggers_has_no_such_leaf(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B", when("Completed", "A")), condition("C", [fail("F")], []))

    assert set(dag.task_ids) == {"A", "B", "C", "F"}


def test_the_leaf_makes_way_for_a_step_of_its_name(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("pipeline_status"), processing("B", when("Any", "pipeline_status")))

    assert isinstance(dag.get_task("pipeline_status"), ProcessingOperator)
    assert isinstance(dag.get_task("pipeline_status_"), PipelineStatusOperator)


def test_the_wish_for_a_green_run_reaches_the_leaf(dag_of: Any, processing: Any) -> None:
    steps = processing("A"), processing("B", when("Failed", "A"))

    assert dag_of(*steps).get_task("pipeline_status").completed_with_failures == "failed"
    opted_out = dag_of(*steps, completed_with_failures="success")
    assert opted_out.get_task("pipeline_status").completed_with_failures == "success"


def test_edges_say_which_outcome_they_wait_for(dag_of: Any, processing: Any) -> None:
    loop = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [processing("Body", when("Any", "Else"))]}
    dag = dag_of(
        processing("A"),
        condition("K", [processing("If", "A"), {"Name": "Each", "Type": "ForEach", "Arguments": loop}], []),
        condition("L", [], [processing("Else")]),
        processing("Notify", when("Failed", "A"), when("Stopped", "K")),
    )

    assert labels(dag) == {
        ("K", "If"): "if",
        ("K", "Each.items"): "if",
        ("L", "Else"): "else",
        ("Else", "Each.items"): "however it ends",
        ("Else", "Body"): "however it ends",
        ("A", "Notify"): "failed",
        ("K", "Notify"): "stopped",
    }
    assert set(labels(dag)) <= edges_of(dag)


def test_edges_of_a_group_are_labelled_with_its_own_task_ids(definition: Any, processing: Any) -> None:
    with DAG("outer") as dag:
        pipeline_task_group(definition(condition("K", [processing("A")], [])), group_id="group")

    assert labels(dag) == {("group.K", "group.A"): "if"}


def test_edges_inside_a_loop_are_labelled(dag_of: Any, processing: Any) -> None:
    body = [processing("A"), processing("B", when("Failed", "A"))]
    loop = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": body}

    assert labels(dag_of({"Name": "Each", "Type": "ForEach", "Arguments": loop})) == {("A", "B"): "failed"}
