"""One real Airflow and one local AWS for all end-to-end tests: scheduler, API server, triggerer, DAG processor."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.e2e.dags.sleeping_steps import definition, step

DAGS = Path(__file__).parent / "dags"
ENDED = {"success", "failed"}


@dataclass
class World:
    """What a test can see and do.

    Attributes:
        airflow: A real Airflow.
        aws: The local AWS.
        definitions: A folder with definitions that tests may edit.
    """

    airflow: AirflowProcesses
    aws: LocalAws
    definitions: Path

    # -- Airflow -----------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str, run_id: str | None = None, **conf: Any) -> Run:
        return Run(self, dag_id, self.airflow.api.trigger(dag_id, conf, run_id))

    # -- AWS ---------------------------------------------------------------------------------------------------

    @property
    def sagemaker(self) -> Any:
        return boto3.client(
            "sagemaker",
            endpoint_url=self.aws.endpoint_url,
            region_name="us-west-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def jobs_of(self, run: Run) -> dict[str, str]:
        """Name and status of every job whose tags name the run."""
        client, found = self.sagemaker, {}
        for page in client.get_paginator("list_processing_jobs").paginate():
            for job in page["ProcessingJobSummaries"]:
                tags = client.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"]
                if {"Key": "sm-pipelines:dag", "Value": run.dag_id} in tags and {
                    "Key": "sm-pipelines:run",
                    "Value": run.run_id,
                } in tags:
                    found[job["ProcessingJobName"]] = job["ProcessingJobStatus"]
        return found

    def fault(self, **rule: Any) -> None:
        body = json.dumps([rule]).encode()
        request = urllib.request.Request(f"{self.aws.endpoint_url}/_local/faults", body, method="POST")
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request).read()

    def clear_faults(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.aws.endpoint_url}/_local/faults", method="DELETE")).read()


@dataclass
class Run:
    """One DAG run."""

    world: World
    dag_id: str
    run_id: str

    @property
    def _path(self) -> str:
        return f"dags/{self.dag_id}/dagRuns/{quote(self.run_id)}"

    def state(self) -> str:
        return self.world.airflow.api.run_state(self.dag_id, self.run_id)

    def tasks(self) -> dict[str, dict[str, Any]]:
        return {t["task_id"]: t for t in self.world.airflow.api.task_instances(self.dag_id, self.run_id)}

    def task(self, task_id: str) -> dict[str, Any]:
        return self.tasks()[task_id]

    def wait(self, timeout: float = 120) -> str:
        return wait_for(lambda: self.state() if self.state() in ENDED else None, timeout, f"end of {self.run_id}")

    def wait_task(self, task_id: str, *states: str, timeout: float = 90) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            task = self.task(task_id)
            return task if task["state"] in states else None

        return wait_for(look, timeout, f"{task_id} to be {states}")

    def wait_trigger(self, task_id: str, map_index: int = -1, timeout: float = 120) -> None:
        """Wait until a task is deferred and its own trigger at work: before, a kill stops nothing.

        The trigger's log tells it, not its row. SQLite gives the number of a removed row to the next one; a triggerer
        that did not look in between lets the trigger of the cleared try go on as that of the new one, until it fires.
        """

        def look() -> bool:
            tasks = self.world.airflow.api.task_instances(self.dag_id, self.run_id)
            task = next(t for t in tasks if (t["task_id"], t["map_index"]) == (task_id, map_index))
            if task["state"] != "deferred":
                return False
            log = self.log(task_id, task["try_number"], map_index)
            return len(re.findall(r"\(ID \d+\) starting", log)) > log.count("trigger completed")

        wait_for(look, timeout, f"{task_id} of {self.run_id} to be deferred and its trigger at work")

    def wait_jobs(self, condition: Callable[[dict[str, str]], bool], timeout: float = 60) -> dict[str, str]:
        def look() -> dict[str, str] | None:
            jobs = self.world.jobs_of(self)
            return jobs if condition(jobs) else None

        return wait_for(look, timeout, "jobs")

    def mark(self, task_id: str, state: str) -> None:
        self.world.airflow.api.request("PATCH", f"{self._path}/taskInstances/{task_id}", {"new_state": state})

    def clear(self, *task_ids: str) -> None:
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": True,
        }
        self.world.airflow.api.request("POST", f"dags/{self.dag_id}/clearTaskInstances", body)

    def delete(self) -> None:
        self.world.airflow.api.request("DELETE", self._path)

    def tries(self, task_id: str) -> list[dict[str, Any]]:
        path = f"{self._path}/taskInstances/{task_id}/tries"
        tries: list[dict[str, Any]] = self.world.airflow.api.request("GET", path)["task_instances"]
        return sorted(tries, key=lambda one: one["try_number"])

    def log(self, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        path = f"{self._path}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.world.airflow.api.request("GET", path, full_content="true", map_index=map_index)
        return json.dumps(answer["content"], indent=1)

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        return self.world.airflow.api.xcom(self.dag_id, self.run_id, task_id, key)


def wait_for(look: Callable[[], Any], timeout: float, what: str) -> Any:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited {timeout:g} s in vain for {what}")


def make_bucket(aws: LocalAws) -> Any:
    """Make the bucket ``e2e``, and return a boto3 client for S3."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    s3 = boto3.client("s3", endpoint_url=aws.endpoint_url, region_name="us-west-2", **keys)
    s3.create_bucket(Bucket="e2e", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return s3


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("airflow")
    # Whoever ends the tests, e.g. after a time limit, is to leave no Airflow behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LocalAws(port=0, stop_grace_seconds=3.0) as aws:
        make_bucket(aws)
        settings = {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,reader:viewer",
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",  # no file changes; parsing takes a whole core
        }
        definitions = tmp_path_factory.mktemp("definitions")
        chain = definition(step("First", {"Get": "Parameters.Seconds"}), step("Second", 0, "First"))
        (definitions / "edited.json").write_text(json.dumps(chain))
        environment = {**aws.environment(), "SM_E2E_DEFINITIONS": str(definitions)}
        with AirflowProcesses(home, DAGS, environment=environment, settings=settings) as airflow:
            world = World(airflow, aws, definitions)
            wait_for(lambda: _parsed(world), 60, "the DAGs to be parsed")
            yield world


def _parsed(world: World) -> bool:
    dags = world.airflow.api.request("GET", "dags", limit=100)["dags"]
    not_dags = {name.removesuffix(".py") for name in (DAGS / ".airflowignore").read_text().split()}
    wanted = {path.stem for path in DAGS.glob("*.py")} - not_dags
    return wanted <= {dag["dag_id"] for dag in dags}


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    yield _world
    _world.clear_faults()
