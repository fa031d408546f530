"""Which run an execution is, in Airflow's own tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.execution.airflow_internals import server
from airflow_sm_pipelines.executions import pipelines
from tests.airflow_database import Database
from tests.conftest import INSTALLATION

AFTER = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(server, "create_session", database.session)
    for run_id in ("a", "b"):
        database.insert(database.run, run_type="manual", run_after=AFTER, dag_id="abalone", run_id=run_id)
    database.insert(
        database.variable, key="sm_pipelines_deployment", val=INSTALLATION, is_encrypted=False, description=""
    )
    return database


@pytest.mark.parametrize("run_id", ["a", "b"])
def test_a_run_is_found_by_the_id_that_its_steps_have(database: Database, run_id: str) -> None:
    name = execution_id(INSTALLATION, "abalone", run_id, AFTER.isoformat())
    assert pipelines._run_of("abalone", name) == run_id
    assert pipelines._run_of("dag", name) is None
    described = {"dag_run_id": run_id, "run_after": AFTER.isoformat().replace("+00:00", "Z")}
    assert pipelines._id_of_run("abalone", described) == name


def test_before_the_scheduler_has_started_there_are_no_executions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_VAR_SM_PIPELINES_DEPLOYMENT", raising=False)
    database.set(database.variable, key="another")
    with pytest.raises(RefusedRequestError) as caught:
        pipelines._run_of("abalone", "x")
    assert (caught.value.code, caught.value.status) == ("ServiceUnavailable", 503)


def test_only_so_many_executions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "_MOST_REMEMBERED", 2)
    pipelines._remembered.clear()
    for name in ("1", "2", "3"):
        pipelines._remember(name, "dag", name)
    found: Any = dict(pipelines._remembered)
    pipelines._remembered.clear()
    assert found == {"2": ("dag", "2"), "3": ("dag", "3")}
