"""How the steps of a run ended."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.rehearsal.step_states import State, StepState, instance_name, state_with_role, step_state
from airflow_sm_pipelines.semantics.selection import StepRole

STEP = Step("Work", "Processing", {})
BODY = Step("Work", "Processing", {}, body_of="Each")
LOOP = Step("Each", "ForEach", {})


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("success", "succeeded"),
        ("failed", "failed"),
        ("skipped", "skipped"),
        ("upstream_failed", "not run"),
        (None, "not run"),
    ],
)
def test_airflows_states_as_words(state: str | None, word: str) -> None:
    assert step_state(STEP, {"Work": state}, {}).in_words() == word


def test_a_failed_step_says_why() -> None:
    found = step_state(STEP, {"Work": "failed"}, {"Work": "AlgorithmError: no"})

    assert found == StepState("failed", "AlgorithmError: no")
    assert found.in_words() == "failed: AlgorithmError: no"


def test_a_loop_ends_as_its_result() -> None:
    tasks = {"Each.items": "success", "Each.turn-0": "success", "Work-0": "failed", "Each.result": "failed"}

    assert step_state(LOOP, tasks, {"Each.result": "1 of 1 failed"}).in_words() == "failed: 1 of 1 failed"


def test_a_loop_that_has_not_begun_did_not_run_although_its_last_task_failed() -> None:
    tasks = {"Each.items": "upstream_failed", "Each.result": "failed"}

    assert step_state(LOOP, tasks, {"Each.result": "did not run"}) == StepState("not run")


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (["success", "success"], "succeeded in 2 iterations"),
        (["success"], "succeeded in 1 iteration"),
        (["skipped", "success", "skipped"], "succeeded in 1 iteration"),
        (["skipped", "skipped"], "skipped in 2 iterations"),
        (["success", "failed", "upstream_failed"], "failed in 1 of 3 iterations; in iteration 1: failed: no"),
    ],
)
def test_a_body_step_ends_in_each_iteration(states: list[str], words: str) -> None:
    tasks: dict[str, Any] = {instance_name("Work", index): state for index, state in enumerate(states)}

    assert step_state(BODY, tasks, {"Work-1": "no"}).in_words() == words


def test_a_body_step_of_a_loop_without_items_was_skipped() -> None:
    assert step_state(BODY, {"Work": "skipped"}, {}) == StepState("skipped")


@pytest.mark.parametrize(
    ("state", "role", "word"),
    [
        ("succeeded", StepRole.REUSED, "reused"),
        ("skipped", StepRole.NOT_SELECTED, "not selected"),
        ("succeeded", StepRole.NOT_SELECTED, "not selected"),
        ("succeeded", StepRole.SELECTED, "succeeded"),
        ("failed", StepRole.REUSED, "failed"),
        ("skipped", StepRole.REUSED, "skipped"),
        ("skipped", None, "skipped"),
    ],
)
def test_the_words_tell_the_role_of_a_step_in_a_selection(state: State, role: StepRole | None, word: str) -> None:
    assert state_with_role(state, role) == word
