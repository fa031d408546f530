"""Cached steps through ``dag.test()`` and the local AWS: what a second run reuses, and what it does not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import BUNDLE_CLASS, ROLE, _dag_of

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

CACHED = {"Enabled": True, "ExpireAfter": "1d"}


@dataclass
class Ran:
    """What one run left behind.

    Attributes:
        run_id: Its id.
        state: Its state.
        tasks: Task -> its state.
        xcoms: (task, map index, key) -> value.
    """

    run_id: str
    state: str
    tasks: dict[tuple[str, int], str | None]
    xcoms: dict[tuple[str, int, str], Any]

    def properties(self, task: str, index: int = -1) -> Any:
        return self.xcoms[task, index, "return_value"]

    def cache(self, task: str, index: int = -1) -> Any:
        return self.xcoms.get((task, index, "sm_pipelines_cache"))

    def hits(self, task: str, *indexes: int) -> list[bool]:
        return [self.cache(task, index)["outcome"] == "hit" for index in indexes or (-1,)]


Run = Callable[..., Ran]


@pytest.fixture
def run(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a definition under the same id of a DAG, as often as it is called."""
    bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.setattr(connection, "_clients", {})  # the environment may say otherwise now

    def run(document: dict[str, Any], dag_id: str = "", **conf: Any) -> Ran:
        dag_id = dag_id or tmp_path.name
        settings = {"dag_id": dag_id, "deferrable": False, "poll_interval": 0.2, "role_arn": ROLE}
        (tmp_path / f"{dag_id}.json").write_text(json.dumps(document))
        (tmp_path / f"{dag_id}.py").write_text(
            "from airflow_sm_pipelines import pipeline_dag\n\n"
            f"dag = pipeline_dag({f'{dag_id}.json'!r}, **{settings!r})\n"
        )
        dag = _dag_of(tmp_path / f"{dag_id}.py")
        for task in dag.tasks:
            task.retries = 0
        ended = dag.test(run_conf=conf)
        tasks = {(ti.task_id, ti.map_index): ti.state for ti in ended.get_task_instances()}
        return Ran(ended.run_id, str(ended.state), tasks, _values(dag_id, ended.run_id))

    return run


def _values(dag_id: str, run_id: str) -> dict[tuple[str, int, str], Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id).all()
        return {(row.task_id, row.map_index, row.key): _plain(row.value) for row in rows}


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in {"{", "[", '"'} else value


def processing(name: str, says: Any = "x", **members: Any) -> dict[str, Any]:
    """A step whose job writes a word."""
    arguments = {
        "AppSpecification": {
            "ImageUri": "unused",
            "ContainerEntrypoint": ["sh", "-c", 'echo "$SAYS" > /opt/ml/processing/out/said.txt'],
        },
        "Environment": {"SAYS": says},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://integration/cache", EXECUTION]}},
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, "CacheConfig": CACHED, **members}


EXECUTION = {"Get": "Execution.PipelineExecutionId"}


def pipeline(*steps: Any, **parameters: Any) -> dict[str, Any]:
    listed = [{"Name": name, "Type": "String", "DefaultValue": value} for name, value in parameters.items()]
    return {"Version": "2020-12-01", "Parameters": listed, "Steps": list(steps)}


def jobs() -> set[str]:
    """The names of all processing jobs."""
    pages = boto3.client("sagemaker").get_paginator("list_processing_jobs").paginate()
    return {job["ProcessingJobName"] for page in pages for job in page["ProcessingJobSummaries"]}


SAID = {"Get": "Parameters.Said"}


def test_a_second_run_creates_no_job_and_says_why(run: Run) -> None:
    document = pipeline(processing("Say", SAID), Said="hello")
    first = run(document)
    before = jobs()

    second = run(document)

    assert (first.state, second.state) == ("success", "success")
    assert jobs() == before
    assert first.cache("Say") == {"outcome": "miss", "because": "no earlier run has a result to reuse"}
    name = first.properties("Say")["ProcessingJobName"]
    assert second.cache("Say") == {"outcome": "hit", "run_id": first.run_id, "resource": name}
    assert second.properties("Say") == first.properties("Say")


def test_the_option_of_a_run_and_what_aws_says_decide(run: Run, put_fault: Any) -> None:
    """One pipeline, run after run."""
    document = pipeline(processing("Say", SAID), Said="hello")
    first = run(document)

    refreshed = run(document, sm_cache="refresh")
    assert refreshed.cache("Say") == {"outcome": "miss", "because": "the run's sm_cache is refresh"}
    off = run(document, sm_cache="off")
    assert off.cache("Say") is None
    names = {one.properties("Say")["ProcessingJobName"] for one in (first, refreshed, off)}
    assert len(names) == 3

    on = run(document)
    assert on.cache("Say")["run_id"] == refreshed.run_id, "the newest, which is not that of the run without the cache"

    changed = run(document, Said="bye")
    assert changed.cache("Say")["because"] == f"Environment has changed since run {refreshed.run_id}"
    assert run(document, Said="bye").cache("Say")["run_id"] == changed.run_id
    assert run(document).cache("Say")["run_id"] == refreshed.run_id, "older, but with the same attributes"

    put_fault(operation="DescribeProcessingJob", action="error", code="AccessDeniedException", http_status=400, times=1)
    refused = run(document)
    assert "cannot describe the processing job" in refused.cache("Say")["because"]
    assert "AccessDeniedException" in refused.cache("Say")["because"]
    assert refused.state == "success"

    put_fault(operation="DescribeProcessingJob", action="error", code="ValidationException", message=GONE, times=1)
    gone = run(document)
    assert gone.cache("Say")["because"].endswith("does not exist any more")


GONE = "Could not find requested job with name: it was deleted"


def test_another_pipeline_with_the_same_step_reuses_nothing(run: Run) -> None:
    document = pipeline(processing("Say", "hello"))
    run(document, "pipeline_one")
    assert run(document, "pipeline_two").cache("Say")["outcome"] == "miss"


def test_the_items_of_a_loop_may_change_their_order_and_their_number(run: Run) -> None:
    body = processing("Say", {"Get": "ForEach.CurrentItem"})

    def loop(*items: str) -> dict[str, Any]:
        arguments = {"IterableItems": list(items), "MaxConcurrency": 2, "ForEachBody": [body]}
        return pipeline({"Name": "Each", "Type": "ForEach", "Arguments": arguments})

    first = run(loop("a", "b"))
    assert first.state == "success", first.tasks
    second = run(loop("new", "b", "a"))
    assert second.hits("Say", 0, 1, 2) == [False, True, True]
    assert [second.properties("Say", index) for index in (2, 1)] == [first.properties("Say", index) for index in (0, 1)]


def test_the_maintenance_dag_deletes_what_has_expired(run: Run, aws: LocalAws, tmp_path: Path) -> None:
    expiring = processing("Say", "x", CacheConfig={"Enabled": True, "ExpireAfter": "PT1S"})
    run(pipeline(expiring, processing("Stay", "y")))
    before = cache_variables()
    time.sleep(1)  # until it has expired
    file = tmp_path / "maintenance.py"
    file.write_text(
        "from airflow_sm_pipelines import stop_orphans_dag\n\n"
        "dag = stop_orphans_dag(dag_id='maintenance', aws_conn_ids=[None], schedule=None)\n"
    )

    assert str(_dag_of(file).test().state) == "success"

    gone = {json.loads(text)["step"] for key, text in before.items() if key not in cache_variables()}
    assert gone == {"Say"}


def cache_variables() -> dict[str, str]:
    """Airflow's variables with cached results."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(Variable).all()
        return {row.key: str(row.get_val()) for row in found if row.key.startswith("sm_pipelines_cache_")}
