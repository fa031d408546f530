"""Pipelines among tasks of a DAG's author, through ``dag.test()``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions import run_looks
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from tests.integration.test_dag_test import RunDag

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

EXTRACTED = "s3://integration/extracted"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "notes"
    file.touch()
    monkeypatch.setenv("NOTES", str(file))
    return lambda: sorted(file.read_text().splitlines())


def test_data_goes_from_a_task_through_two_pipelines_to_a_task(run_dag: RunDag, notes: Any) -> None:
    ended = run_dag("among_tasks")

    assert ended.state == "success", ended.tasks
    assert {name for name, state in ended.tasks.items() if state == "skipped"} == {
        "first.AfterFailure",
        "second.AfterFailure",
    }
    assert ended.xcoms["first.Work"]["Environment"] == ended.xcoms["second.Work"]["Environment"] == {"INPUT": EXTRACTED}
    assert ended.xcoms["announce"] == ["Completed", EXTRACTED, ["AppSpecification"]]
    assert notes() == [
        *("notifier: announce", "notifier: extract", "notifier: first.Work", "notifier: first.pipeline_status"),
        *("notifier: second.Work", "notifier: second.pipeline_status"),
    ]


def test_a_failed_step_calls_back_and_keeps_what_comes_after_from_running(run_dag: RunDag, notes: Any) -> None:
    ended = run_dag("among_tasks", ExitCode=3)

    assert ended.state == "failed"
    assert ended.tasks["first.Work"] == ended.tasks["first.pipeline_status"] == "failed"
    assert ended.tasks["first.AfterFailure"] == "success"
    assert ended.tasks["second.Work"] == ended.tasks["announce"] == "upstream_failed"
    assert ended.tasks["second.AfterFailure"] == "skipped"
    assert ended.tasks["second.pipeline_status"] == "failed"
    assert notes() == [
        *("callback: first.Work StepFailedError", "notifier: extract", "notifier: first.AfterFailure"),
    ]


@pytest.mark.parametrize(
    ("conf", "state", "after"), [("ExtractFails", "failed", "upstream_failed"), ("Skips", "success", "skipped")]
)
def test_what_happens_before_a_pipeline_reaches_what_comes_after_it(
    run_dag: RunDag, notes: Any, conf: str, state: str, after: str
) -> None:
    ended = run_dag("among_tasks", **{conf: True})

    assert (ended.state, ended.tasks["announce"]) == (state, after)
    assert {ended.tasks["first.Work"], ended.tasks["second.Work"]} == {after}
    assert "first.Work" not in ended.xcoms


def test_the_commands_tell_a_run_through_airflows_own_api(
    run_dag: RunDag, notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)  # the default of a new installation is short
    ended = run_dag("among_tasks", ExitCode=3)

    async def look() -> Any:
        app = cached_app()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://airflow") as http:
            token = (await http.get("/auth/token")).json()["access_token"]
        airflow = AirflowClient(app, f"Bearer {token}")
        newest = (await run_looks.runs(airflow, run_looks.ALL, 1))[0]
        run = await run_looks.find_run(airflow, newest.run_id)
        with pytest.raises(RefusedRequestError, match="the run has ended: failed"):
            await run_looks.stop(airflow, run)
        properties = await run_looks.result(airflow, run, "first.Work", ("ProcessingJobStatus",))
        return newest, await run_looks.steps(airflow, run), properties

    from airflow.api_fastapi.app import cached_app

    newest, steps, status = asyncio.run(look())
    assert (newest.dag_id, newest.state) == ("among_tasks", ended.state)
    failed, *_ = steps
    assert (failed.step, failed.type, failed.state, failed.attempts) == ("first.Work", "Processing", "failed", 1)
    assert failed.job == ended.xcoms["first.Work"]["ProcessingJobName"]
    assert failed.reason.startswith("the processing job pipelines-")
    assert status == "Failed"
    assert {one.step: one.state for one in steps}["second.Work"] == "upstream_failed"
