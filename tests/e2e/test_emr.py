"""EMR steps on the real scheduler: nothing lost, nothing doubled, nothing left running."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e
STOP_ORPHANS = (sys.executable, "-m", "airflow_sm_pipelines.cli.main", "stop-orphans")
ENDED = {"TERMINATED", "TERMINATED_WITH_ERRORS"}
LONG = 600


def client(world: World, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=world.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


class Clusters:
    """What the tests see of EMR."""

    def __init__(self, world: World) -> None:
        self.emr = client(world, "emr")
        self.shared = self.start()

    def start(self) -> str:
        request = {"Name": "shared", "Instances": {"KeepJobFlowAliveWhenNoSteps": True}, "StepConcurrencyLevel": 50}
        return str(self.emr.run_job_flow(**request)["JobFlowId"])

    def steps(self, run: Run, cluster: str = "") -> dict[str, str]:
        """Id and state of every step of a run, by the owner in its name."""
        pages = self.emr.get_paginator("list_steps").paginate(ClusterId=cluster or self.shared)
        return {
            step["Id"]: step["Status"]["State"]
            for page in pages
            for step in page["Steps"]
            if f"|{run.dag_id}|" in step["Name"] and run.run_id.split("+")[0] in step["Name"]
        }

    def of(self, run: Run) -> dict[str, str]:
        """Id and state of every cluster whose tags name a run."""
        found = {}
        for page in self.emr.get_paginator("list_clusters").paginate():
            for summary in page["Clusters"]:
                cluster = self.emr.describe_cluster(ClusterId=summary["Id"])["Cluster"]
                tags = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}
                if run.run_id.split("+")[0] in tags.get("sm-pipelines:run", ""):
                    found[summary["Id"]] = cluster["Status"]["State"]
        return found


@pytest.fixture(scope="module")
def clusters(_world: World) -> Clusters:
    return Clusters(_world)


@pytest.fixture(scope="module")
def early(_world: World, clusters: Clusters) -> dict[str, Run]:
    """Runs that need time and nothing else, started together before the first test."""
    runs = {
        name: _world.trigger("emr_step", Seconds=LONG, ClusterId=clusters.shared)
        for name in ("mark failed", "clear", "triggerer")
    }
    runs["own cluster"] = _world.trigger("emr_cluster", Seconds=LONG)
    return runs


@pytest.fixture(scope="module", autouse=True)
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A program that is called like Spark's and runs its application as a command; jobs of the local AWS see it."""
    folder = tmp_path_factory.mktemp("bin")
    program: Path = folder / "spark-submit"
    program.write_text('#!/bin/sh\nexec "$3" "$4"\n')
    program.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    yield
    os.environ["PATH"] = before


def test_a_worker_killed_between_adding_the_step_and_its_answer_leaves_one_step(
    world: World, clusters: Clusters, early: dict[str, Run]
) -> None:
    for other in early.values():
        other.wait_task("Work", "deferred")  # else the fault could meet one of them
    world.fault(service="elasticmapreduce", operation="AddJobFlowSteps", action="kill_client_after", times=1)
    run = world.trigger("emr_step", Seconds=1, ClusterId=clusters.shared)
    assert run.wait() == "success"
    assert list(clusters.steps(run).values()) == ["COMPLETED"]
    assert run.task("Work")["try_number"] == 2
    assert run.xcom("Work")["Id"] in clusters.steps(run)


def test_a_connection_dropped_after_adding_the_step_leaves_one_step(world: World, clusters: Clusters) -> None:
    world.fault(service="elasticmapreduce", operation="AddJobFlowSteps", action="drop_after", times=1)
    run = world.trigger("emr_step", Seconds=1, ClusterId=clusters.shared)
    assert run.wait() == "success"
    assert list(clusters.steps(run).values()) == ["COMPLETED"]


def test_a_worker_killed_between_starting_a_cluster_and_its_answer_leaves_one_cluster(
    world: World, clusters: Clusters
) -> None:
    world.fault(service="elasticmapreduce", operation="RunJobFlow", action="kill_client_after", times=1)
    run = world.trigger("emr_cluster", Seconds=1)
    assert run.wait() == "success"
    assert list(clusters.of(run).values()) == ["TERMINATED"]


def test_marking_the_task_failed_cancels_the_step_and_leaves_the_cluster(
    world: World, clusters: Clusters, early: dict[str, Run]
) -> None:
    run = early["mark failed"]
    run.wait_trigger("Work")
    run.mark("Work", "failed")
    wait_for(lambda: list(clusters.steps(run).values()) == ["CANCELLED"], 60, "the step to be cancelled")
    cluster = clusters.emr.describe_cluster(ClusterId=clusters.shared)["Cluster"]
    assert cluster["Status"]["State"] not in ENDED


def test_marking_the_task_failed_terminates_its_own_cluster(
    world: World, clusters: Clusters, early: dict[str, Run]
) -> None:
    run = early["own cluster"]
    run.wait_trigger("Work")
    assert list(clusters.of(run).values()) == ["RUNNING"]
    run.mark("Work", "failed")
    wait_for(lambda: list(clusters.of(run).values()) == ["TERMINATED"], 60, "the cluster to be terminated")


def test_clearing_a_running_step_cancels_it_and_adds_one_new(
    world: World, clusters: Clusters, early: dict[str, Run]
) -> None:
    run = early["clear"]
    run.wait_trigger("Work")
    [old] = clusters.steps(run)
    run.clear("Work")
    steps = wait_for(lambda: clusters.steps(run) if len(clusters.steps(run)) == 2 else None, 60, "a second step")
    assert steps.pop(old) == "CANCELLED"
    run.wait_trigger("Work")
    time.sleep(3)  # Airflow may tell the old trigger late
    assert sorted(clusters.steps(run).values()) == ["CANCELLED", "RUNNING"]
    run.mark("Work", "failed")
    run.wait()


def test_restarting_the_triggerer_stops_nothing(world: World, clusters: Clusters, early: dict[str, Run]) -> None:
    run = early["triggerer"]
    run.wait_trigger("Work")
    world.airflow.stop_component("triggerer")
    time.sleep(3)
    assert list(clusters.steps(run).values()) == ["RUNNING"]
    world.airflow.start_component("triggerer")
    time.sleep(5)
    assert list(clusters.steps(run).values()) == ["RUNNING"]
    assert run.task("Work")["state"] == "deferred"
    run.mark("Work", "failed")


def test_stop_orphans_cancels_the_step_of_a_dead_worker_whose_task_was_given_up(
    world: World, clusters: Clusters
) -> None:
    world.fault(service="elasticmapreduce", operation="AddJobFlowSteps", action="kill_client_after", times=1)
    run = world.trigger("emr_step", Seconds=LONG, ClusterId=clusters.shared)
    run.wait_task("Work", "up_for_retry")
    run.mark("Work", "failed")
    assert list(clusters.steps(run).values()) == ["RUNNING"]
    answer = world.airflow.run(*STOP_ORPHANS)
    assert answer.returncode == 0, answer.stderr
    wait_for(lambda: list(clusters.steps(run).values()) == ["CANCELLED"], 60, "the step to be cancelled")


def test_killing_a_serverless_step_cancels_the_run_and_deletes_its_application(world: World) -> None:
    serverless = client(world, "emr-serverless")
    run = world.trigger("emr_serverless", Seconds=LONG)
    run.wait_trigger("Work")
    [application] = serverless.list_applications(states=["STARTED"])["applications"]
    [job] = serverless.list_job_runs(applicationId=application["id"])["jobRuns"]
    assert job["state"] == "RUNNING"
    run.mark("Work", "failed")
    wait_for(
        lambda: not serverless.list_applications(states=["STARTED", "STOPPING", "STOPPED"])["applications"],
        40,
        "the end",
    )
    [job] = serverless.list_job_runs(applicationId=application["id"])["jobRuns"]
    assert job["state"] == "CANCELLED"
