"""Asking Airflow for task states."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_sm_pipelines.execution.airflow_internals.worker import mapped_task_states, task_state, task_states
from airflow_sm_pipelines.semantics.ownership import ABSENT


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The questions to Airflow; its answers have the form that the Execution API gives them."""
    questions: list[dict[str, Any]] = []
    rows = {"A": "success", "B": None, "Loop_3": "deferred"}

    def get_task_states(*, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:
        questions.append({"dag_id": dag_id, "task_ids": task_ids, "run_ids": run_ids})
        if run_ids == ["deleted"]:
            return {}
        return {
            "run": {key: state for key, state in rows.items() if key.rpartition("_")[0] in task_ids or key in task_ids}
        }

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))
    return questions


def test_states_of_the_tasks_that_have_a_row(asked: list[Any]) -> None:
    assert task_states("dag", "run", ("A", "B", "C")) == {"A": "success", "B": None}
    assert asked == [{"dag_id": "dag", "task_ids": ["A", "B", "C"], "run_ids": ["run"]}]


def test_a_deleted_run_has_no_states(asked: list[Any]) -> None:
    assert task_states("dag", "deleted", ["A"]) == {}


def test_the_states_of_a_mapped_task_by_index(asked: list[Any]) -> None:
    assert mapped_task_states("dag", "run", "Loop") == {3: "deferred"}
    assert asked == [{"dag_id": "dag", "task_ids": ["Loop"], "run_ids": ["run"]}]


def test_a_task_that_is_not_mapped_yet_has_index_minus_1(asked: list[Any]) -> None:
    assert mapped_task_states("dag", "run", "B") == {-1: None}


def test_the_state_of_one_task(asked: list[Any]) -> None:
    assert task_state("dag", "run", "A", -1) == "success"


def test_a_cleared_task_is_not_an_absent_one(asked: list[Any]) -> None:
    assert task_state("dag", "run", "B", -1) is None
    assert task_state("dag", "run", "C", -1) == ABSENT
    assert task_state("dag", "deleted", "B", -1) == ABSENT


def test_a_mapped_task_has_a_state_for_each_index(asked: list[Any]) -> None:
    assert task_state("dag", "run", "Loop", 3) == "deferred"
    assert task_state("dag", "run", "Loop", 0) == ABSENT
