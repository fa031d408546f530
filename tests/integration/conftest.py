"""``dag.test()`` in this process, against a local AWS."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server import LocalAws

BUNDLE_CLASS = "airflow.dag_processing.bundles.local.LocalDagBundle"
DAGS = Path(__file__).parent / "dags"


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
        migration = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migration, env=os.environ, check=True, capture_output=True)
        boto3.client("s3").create_bucket(
            Bucket="integration", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
        yield aws


@pytest.fixture
def run_dag(aws: LocalAws) -> Callable[..., Ended]:
    def run(name: str, **conf: Any) -> Ended:
        spec = importlib.util.spec_from_file_location(name, DAGS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        connection._clients.clear()  # a test may have pointed elsewhere
        dag_run = module.dag.test(run_conf=conf)
        tasks = {ti.task_id: ti.state for ti in dag_run.get_task_instances()}
        return Ended(str(dag_run.state), tasks, _xcoms(name, dag_run.run_id))

    return run


def _xcoms(dag_id: str, run_id: str) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id, key="return_value").all()
        return {row.task_id: json.loads(row.value) if isinstance(row.value, str) else row.value for row in rows}
