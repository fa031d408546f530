"""Runs that execute only selected steps, on the real scheduler, triggered through Airflow's REST API."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Run, World

pytestmark = pytest.mark.e2e

DAG = "selection"
SELECTION = "sm_pipelines_selection"


def states(run: Run) -> dict[str, str]:
    return {name: task["state"] for name, task in run.tasks().items()}


def source_of(run: Run, task_id: str) -> str:
    return str(run.xcom(task_id, SELECTION)["SourceRun"])


def test_a_selection_reuses_the_latest_run_and_keeps_to_it_when_it_is_cleared(world: World) -> None:
    first = world.trigger(DAG)
    assert first.wait() == "success"
    selected = world.trigger(DAG, sm_select_steps=["Train"], Seconds=12)
    assert selected.wait() == "success"

    assert states(selected) == {
        "Process": "success",
        "Train": "success",
        "Report": "skipped",
        "Notify": "skipped",
        "pipeline_status": "success",
    }
    assert selected.xcom("Process") == first.xcom("Process")
    assert selected.xcom("Train")["Environment"] == {"ARN": first.xcom("Process")["ProcessingJobArn"]}
    assert len(world.jobs_of(selected)) == 1
    assert f"the properties of this step are those of the run {first.run_id}" in selected.log("Process")
    assert "Step Report does not run: sm_select_steps is Train" in selected.log("Report")

    newer = world.trigger(DAG)
    assert newer.wait() == "success"
    selected.clear("Process")
    selected.wait_task("Process", "success")
    assert selected.wait() == "success"
    assert selected.task("Process")["try_number"] == 2
    assert [source_of(selected, task_id) for task_id in ("Process", "Train")] == [first.run_id] * 2
    assert len(world.jobs_of(selected)) == 2

    named = world.trigger(DAG, sm_select_steps=["Report"], sm_source_run=newer.run_id)
    assert named.wait() == "success"
    assert named.xcom("Train") == newer.xcom("Train")
    assert states(named)["Notify"] == "skipped"


def test_a_failed_run_is_the_source_of_the_steps_that_remain_or_that_handle_its_failure(world: World) -> None:
    failed = world.trigger(DAG, ExitCode=3)
    assert failed.wait() == "failed"
    handled = world.trigger(DAG, sm_select_steps=["Notify"])
    assert handled.wait() == "success"
    refused = world.trigger(DAG, sm_select_steps=["Report"], sm_source_run=failed.run_id)
    assert refused.wait() == "failed"
    again = world.trigger(DAG, sm_select_steps=["Train", "Report"], sm_source_run=failed.run_id)
    assert again.wait() == "success"

    assert {name for name, state in states(handled).items() if state == "skipped"} == {"Train", "Report"}
    assert len(world.jobs_of(handled)) == 1
    assert "Report: Train is Failed, but the trigger is Completed" in refused.log("Process")
    assert world.jobs_of(refused) == {}
    assert again.xcom("Process") == failed.xcom("Process")
    assert len(world.jobs_of(again)) == 2
