"""Experiment and trial of a run: who has created them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import run_trial
from airflow_sm_pipelines.execution.identity import identify
from airflow_sm_pipelines.execution.run_trial import RunTrial
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import TRIAL_KEY

NAMES = ("experiment", "trial")


class Airflow(dict[str, str | None]):
    """The states of the run's tasks; notes which were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    def states(self, dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str | None]:
        self.asked.append(task_ids)
        return {key: state for key, state in self.items() if key.partition("_")[0] in task_ids}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    airflow = Airflow()
    monkeypatch.setattr(run_trial, "task_states", airflow.states)
    return airflow


@pytest.fixture
def trial(definition: Any, processing_arguments: Any, context: Any, ti: Any) -> Any:
    """The view of a task of a run with three Processing steps and a Fail step."""
    names = ("First", "Second", "Third")
    steps = [{"Name": name, "Type": "Processing", "Arguments": processing_arguments} for name in names]
    steps.append({"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}})
    pipeline = load_pipeline(definition(*steps))

    def view(task_id: str = "Third", map_index: int = -1) -> RunTrial:
        ti.task_id, ti.map_index = task_id, map_index
        settings = PipelineRunSettings(pipeline, "p", {name: name for name in (*names, "Stop")})
        return RunTrial(settings, identify(task_id, context), context)

    return view


@pytest.mark.parametrize("state", ["success", "deferred"])
def test_what_one_step_has_seen_to_no_other_creates(trial: Any, airflow: Airflow, state: str) -> None:
    trial("First").note(NAMES)
    airflow["First"] = state

    assert trial("Third").is_created(NAMES)
    assert airflow.asked == [["First", "Second"]], "only those that may have created it"


@pytest.mark.parametrize("state", [None, "queued", "running", "failed", "up_for_retry", "skipped"])
def test_a_step_that_may_not_have_come_to_it_counts_for_nothing(
    trial: Any, airflow: Airflow, state: str | None
) -> None:
    airflow["First"] = state

    assert not trial().is_created(NAMES)


def test_a_task_that_was_marked_successful_has_created_nothing(trial: Any, airflow: Airflow) -> None:
    airflow.update(First="success", Second="success")
    assert not trial().is_created(NAMES)

    trial("Second").note(NAMES)
    assert trial().is_created(NAMES)


def test_a_step_that_finds_them_notes_it_for_others(trial: Any, airflow: Airflow) -> None:
    trial("First").note(NAMES)
    airflow["First"] = "success"
    assert trial("Second").is_created(NAMES)
    del airflow["First"]
    airflow["Second"] = "success"

    assert trial("Third").is_created(NAMES)


def test_other_names_are_another_trial(trial: Any, airflow: Airflow, ti: Any) -> None:
    ti.published_by("First", ["experiment", "of the item"], key=TRIAL_KEY)
    airflow["First"] = "success"

    assert not trial().is_created(NAMES)


def test_a_task_that_is_tried_again_creates_what_may_have_been_deleted(trial: Any, airflow: Airflow, ti: Any) -> None:
    trial("First").note(NAMES)
    airflow["First"], ti.try_number = "success", 2

    assert not trial().is_created(NAMES)
    assert airflow.asked == []


def test_an_iteration_of_a_loop_sees_its_siblings(trial: Any, airflow: Airflow, ti: Any) -> None:
    ti.published_by("First[0]", [*NAMES], key=TRIAL_KEY)
    airflow["First_0"] = "success"

    assert trial("First", 1).is_created(NAMES)
    assert not trial("First", 0).is_created(NAMES), "of itself it knows"
