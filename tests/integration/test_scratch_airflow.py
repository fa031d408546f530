"""The Airflow of a rehearsal is lighter than a fresh Airflow, and the same to its tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.rehearsal.run import airflow_settings

pytestmark = [pytest.mark.integration]

# Started in a process of its own: it changes what is imported.
PROGRAM = """
import json, sys, threading

started, start = [], threading.Thread.start
threading.Thread.start = lambda thread: started.append(thread.name) or start(thread)
if sys.argv[1] == "scratch":
    from airflow_sm_pipelines.execution.airflow_internals import scratch_airflow

    scratch_airflow.lighten_task_api()
    scratch_airflow.create_tables()
else:
    from airflow.utils.db import initdb

    initdb()

from airflow import settings
from airflow.api_fastapi.execution_api.versions import bundle
from airflow.sdk import DAG
from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor
from fastapi.dependencies import utils
from sqlalchemy import text

with settings.get_engine().connect() as connection:
    tables = dict(map(tuple, connection.execute(text("SELECT name, sql FROM sqlite_master"))))
    synchronous = connection.execute(text("PRAGMA synchronous")).scalar()
    pools = [tuple(row) for row in connection.execute(text("SELECT pool, slots FROM slot_pool"))]

dag = DAG("dag")
clients = [InProcessTestSupervisor._api_client(dag) for _ in range(2)]
client = clients[0]
newest = bundle.versions[0].value
described = client.get("openapi.json", params={"version": newest}).json()
client.variables.set("key", "value", None)
looks, look = [], utils.get_typed_signature


def counted(call):
    looks.append(call)
    return look(call)


utils.get_typed_signature = counted
value = client.variables.get("key").value
found = {
    "newest": newest,
    "versions": len(bundle.versions),
    "described": described,
    "tables": tables,
    "pools": pools,
    "synchronous": synchronous,
    "value": value,
    "signatures": len(looks),
    "threads": sum("AnyIO" in name for name in started),
    "clients": len(set(map(id, clients))),
}
with open(sys.argv[2], "w") as file:
    json.dump(found, file)
"""

Found = dict[str, Any]


def look_at(kind: str, folder: Path) -> Found:
    home, result = folder / kind, folder / f"{kind}.json"
    (home / "dags").mkdir(parents=True)
    environment = {**os.environ, **airflow_settings(home, home / "dags")}
    subprocess.run([sys.executable, "-c", PROGRAM, kind, str(result)], env=environment, check=True, capture_output=True)
    found: Found = json.loads(result.read_text())
    return found


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return look_at("scratch", tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return look_at("usual", tmp_path_factory.mktemp("airflow"))


def test_the_database_has_the_tables_that_a_fresh_airflow_has(scratch: Found, usual: Found) -> None:
    marked = {name for name in usual["tables"] if "alembic" in name}
    assert marked
    assert scratch["tables"] == {name: sql for name, sql in usual["tables"].items() if name not in marked}
    assert scratch["pools"] == usual["pools"]


def test_writing_waits_for_no_disk(scratch: Found, usual: Found) -> None:
    assert (scratch["synchronous"], usual["synchronous"]) == (0, 2)


def test_tasks_are_served_the_newest_version_as_in_a_fresh_airflow_and_no_other(scratch: Found, usual: Found) -> None:
    assert len(scratch["described"]["paths"]) > 30
    assert scratch["newest"] == usual["newest"]
    assert scratch["described"] == usual["described"]
    assert scratch["versions"] == 1 < usual["versions"]


def test_a_request_is_answered_in_the_thread_that_takes_it_in(scratch: Found, usual: Found) -> None:
    assert scratch["value"] == usual["value"] == "value"
    assert scratch["threads"] == 0 < usual["threads"]


def test_the_signatures_of_dependencies_are_looked_at_once(scratch: Found, usual: Found) -> None:
    assert scratch["signatures"] <= 2, "what gives the DAG is made anew for each client"
    assert usual["signatures"] > 5


def test_the_tasks_of_a_dag_share_a_client(scratch: Found, usual: Found) -> None:
    assert (scratch["clients"], usual["clients"]) == (1, 2)
