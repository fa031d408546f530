"""``dag.test()`` in this process, against a local AWS."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws

BUNDLE_CLASS = "airflow.dag_processing.bundles.local.LocalDagBundle"
DAGS = Path(__file__).parent / "dags"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@dataclass
class Ended:
    """What one ``dag.test()`` left behind."""

    state: str
    tasks: dict[str, str | None]
    xcoms: dict[str, Any]


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws(port=0, stop_grace_seconds=2.0) as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        # Read when it is needed; [core] dags_folder is read once, when Airflow is imported.
        bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(DAGS)}}
        patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.setenv("AIRFLOW__CORE__FERNET_KEY", base64.urlsafe_b64encode(os.urandom(32)).decode())
        migration = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migration, env=os.environ, check=True, capture_output=True)
        boto3.client("s3").create_bucket(
            Bucket="integration", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
        yield aws


@pytest.fixture
def run_dag(aws: LocalAws) -> Callable[..., Ended]:
    def run(name: str, **conf: Any) -> Ended:
        dag = _dag_of(DAGS / f"{name}.py")
        connection._clients.clear()  # a test may have pointed elsewhere
        dag_run = dag.test(run_conf=conf)
        tasks = {ti.task_id: ti.state for ti in dag_run.get_task_instances()}
        return Ended(str(dag_run.state), tasks, _xcoms(name, dag_run.run_id))

    return run


@pytest.fixture
def put_fault(aws: LocalAws) -> Iterator[Callable[..., None]]:
    """Puts a fault rule in force for the test."""

    def send(method: str, body: bytes | None = None) -> None:
        call = urllib.request.Request(f"{aws.endpoint_url}/_local/faults", data=body, method=method)
        with urllib.request.urlopen(call):
            pass

    yield lambda **rule: send("POST", json.dumps({"service": "sagemaker", **rule}).encode())
    send("DELETE")


@dataclass
class Tried:
    """What a definition left behind that was run with its own retries.

    Attributes:
        state: State of the run.
        errors: Task -> the exception of each of its tries.
        tries: Task -> how many there were.
        states: Task -> its state.
        properties: Task -> what it published.
    """

    state: str
    errors: dict[str, list[BaseException]]
    tries: dict[str, int]
    states: dict[str, str | None]
    properties: dict[str, Any]


@pytest.fixture
def try_definition(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tried]:
    """Runs a definition through ``dag.test()``; its errors are kept, its retries wait as long as they say."""
    bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.setattr(connection, "_clients", {})  # the environment may say otherwise now

    def run(
        document: dict[str, Any],
        conf: dict[str, Any] | None = None,
        on_retry: Callable[[Any], None] = lambda _: None,
        **arguments: Any,
    ) -> Tried:
        errors: dict[str, list[BaseException]] = {}

        def note(context: Any) -> None:
            errors.setdefault(context["ti"].task_id, []).append(context["exception"])

        dag_id = f"{tmp_path.name}_{len(list(tmp_path.glob('*.py')))}"
        settings = {"deferrable": False, "poll_interval": 0.2, "role_arn": ROLE, **arguments}
        (tmp_path / f"{dag_id}.json").write_text(json.dumps(document))
        (tmp_path / f"{dag_id}.py").write_text(
            "from airflow_sm_pipelines import pipeline_dag\n\n"
            f"dag = pipeline_dag({f'{dag_id}.json'!r}, dag_id={dag_id!r}, **{settings!r})\n"
        )
        dag = _dag_of(tmp_path / f"{dag_id}.py")
        for task in dag.tasks:
            task.on_failure_callback = [note]
            task.on_retry_callback = [note, on_retry]
        ended = dag.test(run_conf=conf or {})
        instances = ended.get_task_instances()
        return Tried(
            str(ended.state),
            errors,
            {ti.task_id: ti.try_number for ti in instances},
            {ti.task_id: ti.state for ti in instances},
            _xcoms(dag_id, ended.run_id),
        )

    return run


def _dag_of(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.dag


def _xcoms(dag_id: str, run_id: str) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id, key="return_value").all()
        return {row.task_id: json.loads(row.value) if isinstance(row.value, str) else row.value for row in rows}
