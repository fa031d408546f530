"""The graph of a DAG as the page draws it."""

from __future__ import annotations

from typing import Any


def test_each_task_is_a_node_with_the_name_and_type_of_its_step(report: Any) -> None:
    found = report("graph")
    assert [(node["task"], node["step"], node["type"]) for node in found["nodes"]] == [
        ("Train", "Train", "Training"),
        ("Check", "Check", "Condition"),
        ("Register", "Register", "RegisterModel"),
        ("Stop", "Stop", "Fail"),
    ]
    assert found["of_a_pipeline"] is True


def test_edges_that_others_imply_are_left_out(report: Any) -> None:
    edges = {(edge["from"], edge["to"]) for edge in report("graph")["edges"]}
    assert edges == {("Train", "Check"), ("Check", "Register"), ("Check", "Stop")}


def test_a_loop_has_its_name_at_both_ends_and_its_body_between(report: Any, airflow: Any) -> None:
    airflow.add_dag("loops")
    airflow.add_step("loops", "Each.items", "ForEachItemsOperator", "Each.turn")
    airflow.add_step("loops", "Each.turn", "ForEachTurnOperator", "Each.Train")
    airflow.add_step("loops", "Each.Train", "TrainingOperator", "Each.result")
    airflow.add_step("loops", "Each.result", "ForEachResultOperator")
    nodes = {node["task"]: (node["step"], node["type"]) for node in report("graph", dag="loops")["nodes"]}
    assert nodes["Each.turn"] == ("Each", "ForEach (turn)")
    assert nodes["Each.result"] == ("Each", "ForEach (end)")
    assert nodes["Each.Train"][1] == "Training"


def test_a_dag_of_other_tasks_is_told_to_be_none_of_ours(report: Any, airflow: Any) -> None:
    airflow.add_dag("other")
    airflow.add_step("other", "Hello", "BashOperator")
    found = report("graph", dag="other")
    assert found["of_a_pipeline"] is False
    assert found["nodes"][0]["type"] == "Bash"
