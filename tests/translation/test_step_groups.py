"""Task groups for the steps of a large pipeline."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.translation.step_groups import groups_of


def step(name: str, *waits: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "f", "DependsOn": list(waits)}


def condition(name: str, then: list[Any], otherwise: list[Any]) -> dict[str, Any]:
    arguments = {"Conditions": [], "IfSteps": then, "ElseSteps": otherwise}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def loop(name: str, *body: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "ForEach",
        "Arguments": {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": list(body)},
    }


def dag_of(*steps: Any, by: Any) -> DAG:
    return pipeline_dag({"Version": "2020-12-01", "Steps": list(steps)}, dag_id="dag", group_steps_by=by)


def tree(group: TaskGroup) -> dict[str, Any]:
    """What a group contains: the ids of its tasks, and its groups."""
    return {
        name: tree(child) if isinstance(child, TaskGroup) else None for name, child in sorted(group.children.items())
    }


def test_by_default_there_are_none() -> None:
    assert tree(dag_of(step("A-1"), step("A-2"), by=None).task_group) == {"A-1": None, "A-2": None}


def test_each_branch_of_several_steps_is_a_group_that_may_contain_others() -> None:
    inner = condition("Inner", [step("C"), step("D", "C")], [step("E")])
    dag = dag_of(condition("Outer", [step("A"), step("B"), inner], [step("F")]), step("G"), by="branch")

    assert tree(dag.task_group) == {
        "Outer": None,
        "Outer-if": {"A": None, "B": None, "Inner": None, "Inner-if": {"C": None, "D": None}, "E": None},
        "F": None,
        "G": None,
    }
    assert dag.task_group.children["Outer-if"].group_display_name == "Outer: if"


def test_steps_of_one_name_before_a_hyphen_or_an_underscore_are_a_group() -> None:
    dag = dag_of(
        step("EU-Train"), step("EU-Test", "EU-Train"), step("US_Train"), step("EUX"), step("EU_Use"), by="prefix"
    )
    assert tree(dag.task_group) == {
        "EU": {"EU-Test": None, "EU-Train": None, "EU_Use": None},
        "EUX": None,
        "US_Train": None,
    }


def test_prefixes_may_be_given_and_the_longest_counts() -> None:
    steps = [step(name) for name in ("LoadA", "LoadB", "LoadRawA", "LoadRawB", "Train")]
    dag = dag_of(*steps, by=["Load", "LoadRaw", "Nothing"])
    assert tree(dag.task_group) == {
        "Load": {"LoadA": None, "LoadB": None},
        "LoadRaw": {"LoadRawA": None, "LoadRawB": None},
        "Train": None,
    }


def test_task_ids_edges_and_references_stay_what_they_are() -> None:
    steps = [step("A-1"), loop("A-2", step("B", "A-1")), step("C", "A-2"), condition("A-3", [step("D"), step("E")], [])]

    plain, grouped = (dag_of(*steps, by=by) for by in (None, "prefix"))

    def edges(dag: DAG) -> dict[str, set[str]]:
        return {task.task_id: task.upstream_task_ids for task in dag.tasks}

    assert edges(plain) == edges(grouped)
    assert {task.task_id for task in grouped.tasks} == {
        "A-1",
        "A-2.items",
        "A-2.turn",
        "A-2.result",
        "A-3",
        "B",
        "C",
        "D",
        "E",
    }
    assert plain.get_task("C").settings.task_ids == grouped.get_task("C").settings.task_ids
    assert set(grouped.task_group.children["A"].children) == {"A-1", "A-2", "A-3"}
    assert {task.task_id for task in grouped.tasks if task.get_closest_mapped_task_group()} == {"A-2.turn", "B"}


def test_a_group_whose_name_is_a_steps_gets_another_id() -> None:
    dag = dag_of(step("A"), step("A-1"), step("A-2"), by="prefix")
    assert tree(dag.task_group) == {"A": None, "A_": {"A-1": None, "A-2": None}}
    assert dag.task_group.children["A_"].group_display_name == "A"


def test_groups_that_wait_for_each_other_are_no_groups() -> None:
    """Airflow sorts groups, and what a group contains, by their order."""
    around = dag_of(step("A-1"), step("X", "A-1"), step("A-2", "X"), by="prefix")
    crossed = dag_of(
        step("A-1"), step("B-1", "A-1"), step("B-2"), step("A-2", "B-2"), step("C-1"), step("C-2"), by="prefix"
    )

    assert set(around.task_group.children) == {"A-1", "A-2", "X"}
    assert set(crossed.task_group.children) == {"A-1", "A-2", "B-1", "B-2", "C"}


def test_the_task_that_tells_how_the_pipeline_ended_keeps_its_id() -> None:
    notify = {**step("pipeline_b"), "DependsOn": [{"Step": "pipeline_a", "Trigger": "Failed"}]}
    names = {"pipeline_status_a", "pipeline_status_b"}
    dag = dag_of(step("pipeline_a"), notify, *map(step, sorted(names)), by=["pipeline_status"])

    assert set(dag.task_group.children) == {"pipeline_a", "pipeline_b", "pipeline_status", "pipeline_status_"}
    assert set(dag.task_group.children["pipeline_status_"].children) == names


@pytest.mark.parametrize("by", ["brunch", [""], [5], ""])
def test_a_wrong_value_is_refused(by: Any) -> None:
    with pytest.raises(ValueError, match="group_steps_by is 'branch', 'prefix' or a list of prefixes of names"):
        dag_of(step("A"), by=by)


@given(st.data(), st.integers(2, 12))
def test_airflow_can_sort_every_dag_with_groups(data: st.DataObject, count: int) -> None:
    names = [f"{data.draw(st.sampled_from('ABC'))}-{number}" for number in range(count)]
    steps = [
        step(name, *sorted(data.draw(st.sets(st.sampled_from(names[:position]))) if position else ()))
        for position, name in enumerate(names)
    ]
    dag = dag_of(*steps, by="prefix")

    def sort(group: TaskGroup) -> None:
        assert len(group.topological_sort()) == len(group.children)
        for child in group.children.values():
            if isinstance(child, TaskGroup):
                sort(child)

    sort(dag.task_group)


def test_airflow_can_serialize_them() -> None:
    dag = dag_of(condition("K", [step("A"), loop("Each", step("B"))], []), by="branch")

    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    assert set(again.task_group.children["K-if"].children) == {"A", "Each"}
    assert set(again.task_dict) == {"K", "A", "Each.items", "Each.turn", "B", "Each.result"}


def test_a_body_of_a_loop_belongs_to_its_loop() -> None:
    plans = load_pipeline({"Version": "2020-12-01", "Steps": [loop("Each", step("A-1"), step("A-2"))]}).plans
    assert groups_of(plans, "prefix") == {"Each": ()}
