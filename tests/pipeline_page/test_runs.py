"""The runs of a DAG, and the tasks of one of them."""

from __future__ import annotations

from typing import Any

import pytest


def test_runs_come_newest_first_with_their_parameters(report: Any) -> None:
    runs = report("runs")["runs"]
    assert [(run["id"], run["state"], run["conf"]) for run in runs] == [
        ("bad", "Failed", {"Label": "other"}),
        ("good", "Succeeded", {"MaxMse": 7.0}),
    ]
    assert runs[0]["seconds"] == 30 * 60 - 5


def test_a_run_that_was_stopped_is_not_told_as_failed(report: Any, airflow: Any) -> None:
    run = airflow.runs["abalone", "bad"]
    run["note"] = f"Stopped through StopPipelineExecution at {run['end_date']}"
    assert report("run", run="bad")["run"]["state"] == "Stopped"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("success", "Succeeded"),
        ("failed", "Failed"),
        ("running", "Executing"),
        ("deferred", "Executing"),
        ("queued", "Starting"),
        ("up_for_retry", "Retrying"),
        ("awaiting_input", "Waiting for an answer"),
        ("skipped", "Skipped"),
        ("upstream_failed", "Not run"),
        (None, "Not started"),
    ],
)
def test_a_state_is_told_in_the_words_of_studio(report: Any, airflow: Any, state: str | None, words: str) -> None:
    airflow.tasks["good"][0]["state"] = state
    assert report("run", run="good")["tasks"][0]["state"] == words


def test_a_task_is_told_with_its_step_tries_and_seconds(report: Any, airflow: Any) -> None:
    airflow.tasks["good"][0]["try_number"] = 3
    task = report("run", run="good")["tasks"][0]
    wanted = {"task": "Train", "index": -1, "step": "Train", "type": "Training", "tries": 3, "seconds": 60.0}
    assert wanted.items() <= task.items()


def test_a_thousand_tasks_are_read_page_by_page(report: Any, airflow: Any) -> None:
    airflow.add_run("abalone", "many")
    for number in range(1000):
        airflow.add_task("many", f"Train{number}", "TrainingOperator", "success")
    assert len(report("run", run="many")["tasks"]) == 1000
