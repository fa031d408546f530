"""Looks at runs from outside, against a stand-in for Airflow's REST API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.definition.paths import parse_path
from airflow_sm_pipelines.errors import MissingMemberError
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY, CACHE_KEY, FAILURE_KEY, PROPERTIES_KEY
from airflow_sm_pipelines.executions import run_looks


def look(function: Any, *arguments: Any) -> Any:
    return asyncio.run(function(*arguments))


@pytest.fixture
def run(airflow: Any) -> Any:
    airflow.add_dag("abalone")
    return airflow.add_run("abalone", "r1")


def steps(airflow: Any, run: Any) -> dict[str, Any]:
    return {one.step: one for one in look(run_looks.steps, airflow, run)}


def test_the_newest_runs_come_first(airflow: Any, run: Any) -> None:
    airflow.add_run("abalone", "r2", "success", triggering_user_name="ann")
    airflow.add_run("other", "r3", "failed")

    assert [one.run_id for one in look(run_looks.runs, airflow, "abalone", 20)] == ["r2", "r1"]
    newest, second = look(run_looks.runs, airflow, run_looks.ALL, 2)
    assert (newest.dag_id, newest.state, second.started_by) == ("other", "failed", "ann")


def test_a_run_is_found_by_its_id_alone_if_only_one_dag_has_it(airflow: Any, run: Any) -> None:
    airflow.add_run("abalone", "r11")

    assert look(run_looks.find_run, airflow, "r1") == look(run_looks.find_run, airflow, "abalone/r1") == run

    airflow.add_run("other", "r1")
    with pytest.raises(RefusedRequestError, match="several DAGs have a run r1: write one of abalone/r1, other/r1"):
        look(run_looks.find_run, airflow, "r1")
    with pytest.raises(RefusedRequestError, match="no DAG has a run r2"):
        look(run_looks.find_run, airflow, "r2")


def test_a_step_tells_its_job_its_attempts_and_why_it_failed(airflow: Any, run: Any) -> None:
    airflow.add_task("r1", "extract", "PythonOperator", "success")
    airflow.add_task("r1", "train.Train", "TrainingOperator", "failed", try_number=3)
    airflow.add_task("r1", "train.Later", "ModelOperator", None, start_date=None, end_date=None, try_number=0)
    airflow.xcoms["r1", "train.Train", -1, ATTEMPT_KEY] = "pipelines-x-Train-y-2"
    airflow.xcoms["r1", "train.Train", -1, FAILURE_KEY] = "AlgorithmError"

    found = steps(airflow, run)

    assert [*found] == ["train.Train", "train.Later"], "tasks of one's own are no steps"
    assert found["train.Train"].as_json() == {
        "step": "train.Train",
        "type": "Training",
        "state": "failed",
        "job": "pipelines-x-Train-y-2",
        "attempts": 3,
        "seconds": 60.0,
        "cache_hit": None,
        "reason": "AlgorithmError",
    }
    assert (found["train.Later"].state, found["train.Later"].seconds, found["train.Later"].job) == (None, None, None)


def test_a_step_tells_the_run_whose_result_it_reuses(airflow: Any, run: Any) -> None:
    for step, told in (("Hit", {"outcome": "hit", "run_id": "r0"}), ("Miss", {"outcome": "miss", "because": "new"})):
        airflow.add_task("r1", step, "TrainingOperator", "success")
        airflow.xcoms["r1", step, -1, CACHE_KEY] = told

    assert {name: one.cache_hit for name, one in steps(airflow, run).items()} == {"Hit": "r0", "Miss": None}


def test_a_loop_is_one_line_and_its_iterations_are_lines(airflow: Any, run: Any) -> None:
    airflow.add_task("r1", "Each.items", "ForEachItemsOperator", "success")
    airflow.add_task("r1", "Work", "ProcessingOperator", "success", map_index=1)
    airflow.add_task("r1", "Each.result", "ForEachResultOperator", None, start_date=None, end_date=None)

    assert {name: one.state for name, one in steps(airflow, run).items()} == {"Each": "success", "Work-1": "success"}

    airflow.tasks["r1"][2].update(state="failed", start_date="2026-11-21T12:01:00+00:00")
    airflow.xcoms["r1", "Each.result", -1, FAILURE_KEY] = "1 of 2 iterations failed"
    assert steps(airflow, run)["Each"].reason == "1 of 2 iterations failed"


def test_a_result_is_found_by_the_path_language_of_definitions(airflow: Any, run: Any) -> None:
    airflow.add_task("r1", "Prepare", "ProcessingOperator", "success")
    outputs = [{"OutputName": "train", "S3Output": {"S3Uri": "s3://b/k"}}]
    airflow.xcoms["r1", "Prepare", -1, PROPERTIES_KEY] = {"ProcessingOutputConfig": {"Outputs": outputs}}
    path = parse_path("ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri")

    assert look(run_looks.result, airflow, run, "Prepare", path) == "s3://b/k"
    with pytest.raises(MissingMemberError, match="did you mean"):
        look(run_looks.result, airflow, run, "Prepare", parse_path("ProcessingOutputConfg"))


def test_a_step_without_a_result_says_what_is_known(airflow: Any, run: Any) -> None:
    airflow.add_task("r1", "Prepare", "ProcessingOperator", "running")

    with pytest.raises(RefusedRequestError, match="has published no properties: its task is running"):
        look(run_looks.result, airflow, run, "Prepare", ())
    with pytest.raises(RefusedRequestError, match=r"the run has no step Prepar .*did you mean `Prepare`"):
        look(run_looks.result, airflow, run, "Prepar", ())


def test_the_result_of_a_loop_is_that_of_its_last_task(airflow: Any, run: Any) -> None:
    airflow.add_task("r1", "Each.result", "ForEachResultOperator", "success")
    airflow.add_task("r1", "Each.items", "ForEachItemsOperator", "success")
    airflow.xcoms["r1", "Each.result", -1, PROPERTIES_KEY] = {"Status": "Succeeded"}
    airflow.xcoms["r1", "Each.items", -1, PROPERTIES_KEY] = [1, 2]

    assert look(run_looks.result, airflow, run, "Each", ()) == {"Status": "Succeeded"}


def test_a_stop_marks_the_run_failed_once(airflow: Any, run: Any) -> None:
    stopped = look(run_looks.stop, airflow, run)

    assert (stopped.state, airflow.sent[0][2]["state"]) == ("failed", "failed")
    with pytest.raises(RefusedRequestError, match="the run has ended: failed"):
        look(run_looks.stop, airflow, run)


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"MseTreshold": "5"}, r"has no parameter MseTreshold \(did you mean `MseThreshold`\?\)"),
        ({"Other": "5"}, r"has no parameter Other \(it has: MseThreshold\)"),
        ({"sm_select_steps": ["Train", "Trian"]}, r"has no step Trian \(did you mean `Train`\?\)"),
    ],
)
def test_a_name_that_the_dag_does_not_have_starts_no_run(airflow: Any, conf: Any, words: str) -> None:
    airflow.add_dag("abalone", MseThreshold=6)
    airflow.add_step("abalone", "Train", "TrainingOperator")
    airflow.add_step("abalone", "pipeline_status", "PipelineStatusOperator")

    with pytest.raises(RefusedRequestError, match=words):
        look(run_looks.start, airflow, "abalone", conf)
    assert airflow.sent == []


def test_a_paused_dag_starts_no_run(airflow: Any) -> None:
    airflow.add_dag("paused", is_paused=True)

    with pytest.raises(
        RefusedRequestError,
        match="the DAG paused is paused: unpause it, in the UI or with `airflow dags unpause paused`",
    ):
        look(run_looks.start, airflow, "paused", {})
    assert airflow.sent == []
