from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.preview.changes.airflow_effects import airflow_effects
from airflow_sm_pipelines.preview.changes.definition_changes import definition_changes


def effects(old: Pipeline, new: Pipeline) -> str:
    return "\n".join(airflow_effects(old, new, definition_changes(old, new)))


def test_tasks_come_and_go_with_their_steps(load: Any, step: Any) -> None:
    said = effects(load(step("A"), step("B")), load(step("A"), step("C", "Training")))

    assert "task C is new" in said
    assert "task B is gone" in said
    assert "task A" not in said


def test_a_renamed_step_is_another_task(load: Any, step: Any) -> None:
    assert "task A is B now: its history stays under the old id" in effects(load(step("A")), load(step("B")))


def test_a_changed_type_fails_a_run_under_way(load: Any, step: Any) -> None:
    assert "task A is of another type now; a run under way" in effects(load(step("A", "Training")), load(step("A")))


def test_a_changed_argument_has_no_effect_on_the_dag(load: Any, step: Any) -> None:
    assert effects(load(step("A", arguments={"x": 1})), load(step("A", arguments={"x": 2}))) == ""


def test_params_follow_the_parameters(load: Any, step: Any) -> None:
    def of(*parameters: Any) -> Pipeline:
        return load(step("A"), Parameters=list(parameters))

    old = of({"Name": "N", "Type": "Integer", "DefaultValue": 1}, {"Name": "P"}, {"Name": "R", "DefaultValue": "r"})
    new = of({"Name": "N", "Type": "Float", "DefaultValue": 2.5}, {"Name": "Q"}, {"Name": "R"})
    said = effects(old, new)

    assert "param N takes other values now" in said
    assert "param N has the default 2.5 now" in said
    assert "param P is gone" in said
    assert "param Q is new: a scheduled DAG needs a value for it" in said
    assert "param R has no default any more" in said
