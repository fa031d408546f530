"""Asset events and lineage of steps, on a real scheduler of their own: its workers tell OpenLineage what they do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.e2e.conftest import Run, World, make_bucket, wait_for

pytestmark = pytest.mark.e2e

DAGS = Path(__file__).parent / "dags_with_assets"
DAG_IDS = ("features", "claimed", "deploy", "report", "claims", "other")
GROUP = "x-sagemaker://model-package-group/abalone"


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of OpenLineage's events."""
    return tmp_path_factory.mktemp("lineage") / "events.json"


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory, lineage: Path) -> Iterator[World]:
    transport = {"type": "file", "log_file_path": str(lineage), "append": True}
    with LocalAws(port=0, stop_grace_seconds=3.0) as aws:
        s3 = make_bucket(aws)
        s3.put_object(Bucket="e2e", Key="raw/data.csv", Body=b"1,2\n")
        s3.put_object(Bucket="e2e", Key="model.tar.gz", Body=b"")
        settings = {
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "e2e",
        }
        home = tmp_path_factory.mktemp("airflow")
        with AirflowProcesses(home, DAGS, environment=aws.environment(), settings=settings) as airflow:
            world = World(airflow, aws, home)
            wait_for(lambda: all(airflow.api.has_dag(dag_id) for dag_id in DAG_IDS), 60, "the DAGs to be parsed")
            for dag_id in DAG_IDS:
                airflow.api.request("PATCH", f"dags/{dag_id}", {"is_paused": False})
            yield world


def asset_events(world: World, path: str, **query: int) -> list[dict[str, Any]]:
    """The asset events at a path. Airflow 3.3.2 answers 500 while a run that one of them has started is queued."""

    def answer() -> list[list[dict[str, Any]]] | None:
        try:
            return [world.airflow.api.request("GET", path, **query)["asset_events"]]
        except AirflowApiError as error:
            if error.status == 500:
                return None
            raise

    (found,) = wait_for(answer, 60, f"an answer of {path}")
    return found  # type: ignore[no-any-return]


def events(run: Run) -> dict[str, list[dict[str, Any]]]:
    """The asset events of a run, by task."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event in asset_events(run.world, "assets/events", limit=100):
        if (event["source_dag_id"], event["source_run_id"]) == (run.dag_id, run.run_id):
            found.setdefault(event["source_task_id"], []).append(event)
    return found


def started_by(run: Run, dag_id: str) -> Run:
    """The run of another DAG that an event of a run has started."""

    def look() -> str | None:
        for other in run.world.airflow.api.request("GET", f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]:
            sources = asset_events(run.world, f"dags/{dag_id}/dagRuns/{other['dag_run_id']}/upstreamAssetEvents")
            if any(event["source_run_id"] == run.run_id for event in sources):
                return str(other["dag_run_id"])
        return None

    found = Run(run.world, dag_id, wait_for(look, 60, f"a run of {dag_id}"))
    assert found.wait() == "success"
    return found


def test_other_dags_start_on_a_model_version_and_on_declared_data(world: World, lineage: Path) -> None:
    run = world.trigger("features")
    assert run.wait() == "success"

    version = run.xcom("Register")
    (extra,) = started_by(run, "deploy").xcom("tell")
    assert extra == {
        "ModelPackageArn": version["ModelPackageArn"],
        "ModelPackageGroupName": "abalone",
        "ModelPackageVersion": version["ModelPackageVersion"],
        "ModelApprovalStatus": "Approved",
        "CustomerMetadataProperties": {"rmse": "2.1"},
    }
    (extra,) = started_by(run, "report").xcom("tell")
    assert extra["ProcessingJobArn"] == run.xcom("Clean")["ProcessingJobArn"]
    assert {task: [one["uri"] for one in found] for task, found in events(run).items()} == {
        "Clean": ["s3://e2e/clean"],
        "Register": [GROUP],
    }
    _check_lineage(lineage, version["ModelPackageVersion"])


def _check_lineage(file: Path, version: int) -> None:
    """The task has told what it read and wrote, whichever of its processes has ended it."""

    def completed() -> dict[str, Any] | None:
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        ended = {one["job"]["name"]: one for one in lines if one["eventType"] == "COMPLETE"}
        return ended if {"features.Clean", "features.Register"} <= ended.keys() else None

    told = wait_for(completed, 30, "lineage of both steps")

    def datasets(task: str, direction: str) -> list[tuple[str, str]]:
        return [(one["namespace"], one["name"]) for one in told[f"features.{task}"][direction]]

    account = "arn:aws:sagemaker:us-west-2:123456789012"
    assert datasets("Clean", "inputs") == [("s3://e2e", "raw")]
    assert datasets("Clean", "outputs") == [("s3://e2e", "clean")]
    assert datasets("Register", "inputs") == [("s3://e2e", "model.tar.gz")]
    assert datasets("Register", "outputs") == [(account, "model-package-group/abalone")]
    (package,) = told["features.Register"]["outputs"]
    assert package["facets"]["version"]["datasetVersion"] == str(version)


def test_a_worker_that_dies_leaves_one_event(world: World) -> None:
    world.fault(service="sagemaker", operation="DescribeModelPackage", action="kill_client_after", times=1)
    run = world.trigger("features", Group="other")
    assert run.wait(240) == "success"

    assert run.task("Register")["try_number"] == 2
    (event,) = events(run)["Register"]
    assert event["uri"] == "x-sagemaker://model-package-group/other"
    assert event["extra"]["ModelPackageArn"] == run.xcom("Register")["ModelPackageArn"]
    assert len(started_by(run, "other").xcom("tell")) == 1


def test_a_step_succeeds_whoever_claims_its_asset(world: World) -> None:
    run = world.trigger("claimed")

    assert run.wait() == "success"
    assert run.xcom("Register")["ModelPackageGroupName"] == "claimed"
