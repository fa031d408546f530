"""A ForEach step as a task group."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group


@pytest.fixture
def processing(processing_arguments: dict[str, Any]) -> Any:
    def make(name: str, *depends_on: Any, **members: Any) -> dict[str, Any]:
        step = {"Name": name, "Type": "Processing", "Arguments": processing_arguments, **members}
        return {**step, "DependsOn": list(depends_on)} if depends_on else step

    return make


@pytest.fixture
def loop() -> Any:
    def make(name: str, *body: Any, limit: int = 2, depends_on: Any = (), **members: Any) -> dict[str, Any]:
        arguments = {"IterableItems": ["a", "b"], "MaxConcurrency": limit, "ForEachBody": list(body)}
        return {"Name": name, "Type": "ForEach", "Arguments": arguments, "DependsOn": list(depends_on), **members}

    return make


@pytest.fixture
def dag_of(definition: Any) -> Any:
    def make(*steps: Any, **arguments: Any) -> DAG:
        return pipeline_dag(definition(*steps), dag_id="dag", aws_conn_id=None, **arguments)

    return make


def upstream(dag: DAG) -> dict[str, set[str]]:
    return {task.task_id: task.upstream_task_ids for task in dag.tasks}


def test_the_group_is_items_then_the_body_per_item_then_the_result(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(
        processing("Before"),
        loop("Each", processing("A"), processing("B", "A"), depends_on=["Before"]),
        processing("After", "Each"),
    )

    assert upstream(dag) == {
        "Before": set(),
        "Each.items": {"Before"},
        "Each.turn": {"Each.items"},
        "A": {"Each.turn"},
        "B": {"A"},
        "Each.result": {"Each.items", "A", "B"},
        "After": {"Each.result"},
    }
    group = dag.task_group.children["Each"]
    assert set(group.children) == {"Each.items", "Each.iteration", "Each.result"}
    assert set(group.children["Each.iteration"].children) == {"Each.turn", "A", "B"}
    mapped = {task.task_id for task in dag.tasks if task.get_closest_mapped_task_group() is not None}
    assert mapped == {"Each.turn", "A", "B"}


def test_the_result_waits_for_each_body_step_whatever_happens(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(loop("Each", processing("A"), processing("B"), processing("C", "A", "B")))

    assert dag.get_task("Each.result").trigger_rule == "all_done"
    # C may end early, for the failure of A, while B still runs.
    assert {"A", "B", "C"} <= dag.get_task("Each.result").upstream_task_ids


def test_iterations_are_called_as_the_service_calls_them(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(loop("Each", processing("A", DisplayName="Do it"), DisplayName="Every one"))

    assert dag.get_task("A").map_index_template == "A-{{ ti.map_index }}"
    assert dag.get_task("A").task_display_name == "Do it"
    assert dag.task_group.children["Each"].group_display_name == "Every one"
    assert dag.get_task("Each.items").label == "items"
    assert dag.get_task("Each.items").task_display_name != "Every one"


def test_a_condition_skips_the_items_and_so_all_of_it(dag_of: Any, processing: Any, loop: Any) -> None:
    conditions = [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]
    arguments = {"Conditions": conditions, "IfSteps": [], "ElseSteps": [loop("Each", processing("A"))]}
    dag = dag_of({"Name": "Check", "Type": "Condition", "Arguments": arguments})

    assert upstream(dag)["Each.items"] == {"Check"}
    assert dag.get_task("Check").settings.first_task_id("Each") == "Each.items"
    assert "Check" not in upstream(dag)["Each.result"]


def test_a_trigger_is_looked_at_by_the_items_alone(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(processing("Work"), loop("Each", processing("A"), depends_on=[{"Step": "Work", "Trigger": "Failed"}]))

    assert dag.get_task("Each.items").trigger_rule == "all_done"
    assert dag.get_task("A").trigger_rule == "all_success"
    assert upstream(dag)["pipeline_status"] == {"Work", "Each.result"}


def test_a_trigger_inside_the_body_needs_no_status_task(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(loop("Each", processing("A"), processing("B", {"Step": "A", "Trigger": "Failed"})))

    assert dag.get_task("B").trigger_rule == "all_done"
    assert "pipeline_status" not in dag.task_dict


def test_body_steps_that_want_different_ends_of_a_step_outside_wait_for_it_themselves(
    dag_of: Any, processing: Any, loop: Any
) -> None:
    dag = dag_of(
        processing("Work"),
        loop("Each", processing("A", "Work"), processing("B", {"Step": "Work", "Trigger": "Failed"})),
    )

    assert upstream(dag)["Each.items"] == {"Work"}
    assert upstream(dag)["A"] == {"Each.turn", "Work"}
    assert upstream(dag)["B"] == {"Each.turn", "Work"}


def test_body_steps_that_want_the_same_have_no_edges_to_the_outside(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(loop("Each", processing("A", "Work")), processing("Work"))

    assert (upstream(dag)["Each.items"], upstream(dag)["A"]) == ({"Work"}, {"Each.turn"})


def test_loops_may_wait_for_loops_in_any_order(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(loop("Second", processing("B"), depends_on=["First"]), loop("First", processing("A")))

    assert upstream(dag)["Second.items"] == {"First.result"}


def test_inside_a_group_of_the_users_all_ids_have_its_prefix(definition: Any, processing: Any, loop: Any) -> None:
    with DAG("dag", schedule=None) as dag:
        pipeline_task_group(
            definition(loop("Each", processing("A")), processing("After", "Each")), group_id="train", aws_conn_id=None
        )

    assert set(dag.task_dict) == {"train.Each.items", "train.Each.turn", "train.A", "train.Each.result", "train.After"}
    settings = dag.get_task("train.A").settings
    assert settings.task_ids == {"Each": "train.Each.result", "A": "train.A", "After": "train.After"}
    assert settings.first_task_id("Each") == "train.Each.items"


def test_inside_a_group_without_prefix_ids_are_as_in_a_dag(definition: Any, processing: Any, loop: Any) -> None:
    with DAG("dag", schedule=None) as dag:
        pipeline_task_group(
            definition(loop("Each", processing("A"))), group_id="train", aws_conn_id=None, prefix_group_id=False
        )

    assert set(dag.task_dict) == {"Each.items", "Each.turn", "A", "Each.result"}
    assert isinstance(dag.task_group.children["train"], TaskGroup)


def test_overrides_of_a_body_step_are_by_its_name_or_type(dag_of: Any, processing: Any, loop: Any) -> None:
    dag = dag_of(
        loop("Each", processing("A"), processing("B")),
        overrides={"Processing": {"queue": "small"}, "B": {"queue": "gpu", "poll_interval": 5.0}},
    )

    assert (dag.get_task("A").queue, dag.get_task("B").queue) == ("small", "gpu")
    assert dag.get_task("B").waiting.poll_interval == 5.0


def test_overrides_of_the_loop_are_for_its_own_tasks(dag_of: Any, processing: Any, loop: Any) -> None:
    overrides = {"Each": {"queue": "slow", "pool": "loops", "aws_conn_id": "other", "execution_timeout": None}}
    dag = dag_of(loop("Each", processing("A")), overrides=overrides, deferrable=False)

    for task_id in ("Each.items", "Each.turn", "Each.result"):
        assert (dag.get_task(task_id).queue, dag.get_task(task_id).pool) == ("slow", "loops")
    assert dag.get_task("Each.items").connection.aws_conn_id == "other"
    assert dag.get_task("A").queue == "default"
    assert dag.get_task("Each.turn").deferrable is False


def test_the_work_of_an_iteration_goes_before_the_turns_of_the_others(dag_of: Any, processing: Any, loop: Any) -> None:
    def weight(dag: DAG, task_id: str) -> int:
        task = dag.get_task(task_id)
        downstream = len(task.get_flat_relative_ids(upstream=False))
        return 1 + (downstream if task.weight_rule == "downstream" else 0)

    dag = dag_of(loop("Each", processing("A")))

    assert weight(dag, "Each.turn") < weight(dag, "A")


def test_a_turn_is_tried_again_when_its_worker_dies(dag_of: Any, processing: Any, loop: Any) -> None:
    assert dag_of(loop("Each", processing("A"))).get_task("Each.turn").retries == 3


def test_all_open_iterations_may_run_at_once(dag_of: Any, processing: Any, loop: Any) -> None:
    assert dag_of(loop("Each", processing("A"), processing("B"), limit=50)).max_active_tasks == 101


def test_the_dag_can_be_serialized(dag_of: Any, processing: Any, loop: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.to_dict(dag_of(loop("Each", processing("A"))))

    assert DagSerialization.from_dict(stored).get_task("A").get_closest_mapped_task_group() is not None


def test_a_dag_file_without_loops_does_not_pay_for_them() -> None:
    program = """
import sys
import airflow_sm_pipelines.translation.translator
assert "airflow_sm_pipelines.translation.loop_group" not in sys.modules
assert "airflow_sm_pipelines.operators.for_each" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
