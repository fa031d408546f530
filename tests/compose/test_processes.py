"""What docker-compose.yaml starts, as plain processes: its commands, settings and health checks at other addresses."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.demo.examples import DIABETES, dags_folder, upload_scripts
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.airflow_on_postgres.postgres import Postgres
from tests.compose.compose_file import airflow_arguments, airflow_settings, components, health_checks
from tests.compose.redis import redis_server

pytestmark = pytest.mark.e2e

WORKERS = ("worker-1", "worker-2")
HEARTBEAT_TIMEOUT = 30
"""Seconds; the file has more, and Airflow more than the file."""


@dataclass
class Topology:
    """What docker-compose.yaml starts.

    Attributes:
        airflow: The components of Airflow.
        aws: The local AWS.
        health_port: Where the scheduler tells whether it is healthy.
    """

    airflow: AirflowProcesses
    aws: LocalAws
    health_port: int

    def wait_for(self, look: Callable[[], Any], what: str, seconds: float = 240) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := look():
                return found
            ended = self.airflow.ended_component()
            assert ended is None, f"{ended} ended:\n{self.airflow.last_log_lines(ended or '', 60)}"
            time.sleep(0.3)
        logs = "\n".join(self.airflow.last_log_lines(name, 30) for name in ("scheduler", *WORKERS))
        raise AssertionError(f"waited {seconds:g} s in vain for {what}\n{logs}")


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    home = tmp_path_factory.mktemp("airflow")
    # Whoever ends the tests, e.g. after a time limit, is to leave no Airflow behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as running:
        database = running.enter_context(Postgres()).create_database("airflow")
        broker = running.enter_context(redis_server())
        aws = running.enter_context(LocalAws(port=0))
        upload_scripts(aws.client("s3"), DIABETES)
        health_port = free_port()
        airflow = AirflowProcesses(
            home,
            dags_folder(),
            environment=aws.environment(),
            settings=settings_at(database, broker, health_port),
            components=airflow_arguments(),
        )
        yield Topology(running.enter_context(airflow), aws, health_port)


def settings_at(database: str, broker: int, health_port: int) -> dict[str, str]:
    """The settings of the file, with the addresses of these servers."""
    settings = {name: value for name, value in airflow_settings().items() if ":8080" not in value}
    for old, new in (
        ("postgresql+psycopg2://airflow:airflow@postgres/airflow", database),
        ("db+postgresql://airflow:airflow@postgres/airflow", f"db+{database}"),
        ("redis:6379", f"127.0.0.1:{broker}"),
    ):
        assert any(old in value for value in settings.values())
        settings = {name: value.replace(old, new) for name, value in settings.items()}
    return {
        **settings,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(health_port),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def set_fault(aws: LocalAws, **rule: Any) -> None:
    request = urllib.request.Request(f"{aws.endpoint_url}/_local/faults", json.dumps([rule]).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).read()


def training_jobs(aws: LocalAws) -> list[str]:
    jobs = aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    return [job["TrainingJobName"] for job in jobs]


@pytest.mark.parametrize("name", components())
def test_the_health_check_of_each_component_succeeds(topology: Topology, name: str) -> None:
    command = health_checks()[name]
    for old, new in (
        ("127.0.0.1:8080", topology.airflow.api.base_url.removeprefix("http://")),
        (":8974", f":{topology.health_port}"),
        ("celery --app", f"{sys.executable} -m celery --app"),
    ):
        command = command.replace(old, new)
    topology.wait_for(lambda: topology.airflow.run("sh", "-c", command).returncode == 0, f"{name}: {command}", 120)


def test_a_worker_that_is_killed_loses_no_job_and_the_other_one_goes_on(topology: Topology) -> None:
    airflow, aws = topology.airflow, topology.aws
    topology.wait_for(lambda: airflow.api.has_dag(DIABETES.name), "the DAG")
    # The worker still waits for this answer when it is killed.
    set_fault(aws, service="sagemaker", operation="DescribeTrainingJob", action="slow", seconds=20, times=1)
    run = airflow.api.trigger(DIABETES.name)

    killed = topology.wait_for(lambda: worker_of(airflow, "Train", attempt=1), "a worker that runs Train")
    [job] = topology.wait_for(lambda: training_jobs(aws), "the training job")
    airflow.stop_component(killed, signal.SIGKILL)

    state = topology.wait_for(lambda: ended_state(airflow, run), "the end of the run")
    tasks = {task["task_id"]: task for task in airflow.api.task_instances(DIABETES.name, run)}
    assert state == "success", {name: task["state"] for name, task in tasks.items()}
    assert tasks["Train"]["try_number"] == 2
    assert training_jobs(aws) == [job], "the second try has found the job of the first"
    [other] = set(WORKERS) - {killed}
    assert worker_of(airflow, "Train", attempt=2) == other
    assert {name for name, task in tasks.items() if task["state"] == "skipped"} == {"MseTooHigh"}


def test_a_pipeline_in_a_bigger_dag_gets_its_limit_from_a_task_and_gives_its_model_to_another(
    topology: Topology,
) -> None:
    airflow, dag_id = topology.airflow, "diabetes_in_a_dag"
    topology.wait_for(lambda: airflow.api.has_dag(dag_id), "the DAG")
    run = airflow.api.trigger(dag_id)
    state = topology.wait_for(lambda: ended_state(airflow, run, dag_id), "the end of the run")
    tasks = {task["task_id"]: task["state"] for task in airflow.api.task_instances(dag_id, run)}
    assert state == "success", tasks
    assert airflow.api.xcom(dag_id, run, "announce").startswith("arn:aws:sagemaker:")


def test_the_command_starts_a_run_and_follows_it_to_its_end(topology: Topology) -> None:
    """Without a login: in the file, everybody is an admin."""

    def sm_pipelines(*words: str) -> str:
        command = (sys.executable, "-m", "airflow_sm_pipelines.cli.main", *words)
        done = topology.airflow.run(*command, "--airflow-url", topology.airflow.api.base_url)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    topology.wait_for(lambda: topology.airflow.api.has_dag(DIABETES.name), "the DAG")
    last, _, steps = sm_pipelines("start", DIABETES.name, "--parameters", "TestFraction=0.3", "--wait").partition("\n")
    run = last.removesuffix(": success")
    assert run.startswith(f"{DIABETES.name}/")
    assert re.search(r"^Train +Training +success +pipelines-\S+-Train-\S+ +1 ", steps, re.MULTILINE)
    assert sm_pipelines("steps", run) == steps
    model = sm_pipelines("result", run, "Train", "--path", "ModelArtifacts.S3ModelArtifacts", "--format", "text")
    assert model.startswith(f"s3://{DIABETES.bucket}/")


def worker_of(airflow: AirflowProcesses, task_id: str, attempt: int) -> str | None:
    """The worker whose log says that it runs a try of a task."""
    words = f"task_id={task_id}/attempt={attempt}.log"
    return next((name for name in WORKERS if words in airflow.log_file(name).read_text(errors="replace")), None)


def ended_state(airflow: AirflowProcesses, run: str, dag_id: str = DIABETES.name) -> str | None:
    state = airflow.api.run_state(dag_id, run)
    return state if state in {"success", "failed"} else None
