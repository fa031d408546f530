"""The maintenance DAG."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_sm_pipelines import stop_orphans_dag
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.errors import CallRefusedError, SweepError
from airflow_sm_pipelines.execution import steps_in_progress, sweep
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.orphans import Orphan, facts_of_worker
from tests.conftest import INSTALLATION


def test_one_line_makes_a_dag_that_runs_by_itself() -> None:
    dag = stop_orphans_dag()

    assert (dag.dag_id, dag.schedule, dag.catchup) == ("sm_pipelines_stop_orphans", timedelta(minutes=15), False)
    assert dag.is_paused_upon_creation is False
    assert dag.max_active_runs == 1
    assert dag.fileloc == __file__
    assert [task.task_id for task in dag.tasks] == ["stop_orphans"]


def test_each_connection_and_region_has_a_task() -> None:
    dag: Any = stop_orphans_dag(aws_conn_ids=["a", None], region_names=["eu-west-1", None])

    assert {task.task_id: (task.connection.aws_conn_id, task.connection.region_name) for task in dag.tasks} == {
        "stop_orphans__a__eu-west-1": ("a", "eu-west-1"),
        "stop_orphans__a__default_region": ("a", None),
        "stop_orphans__boto3__eu-west-1": (None, "eu-west-1"),
        "stop_orphans__boto3__default_region": (None, None),
    }


def test_each_role_has_a_task() -> None:
    roles = ["arn:aws:iam::222233334444:role/ml/Pipelines", None]
    dag: Any = stop_orphans_dag(assume_role_arns=roles)

    assert {task.task_id: task.connection.assume_role_arn for task in dag.tasks} == {
        "stop_orphans__222233334444_ml_Pipelines": roles[0],
        "stop_orphans__no_role": None,
    }


def test_airflows_own_arguments_are_passed_on() -> None:
    dag = stop_orphans_dag(dag_id="sweep", schedule="@hourly", tags=["ops"], catchup=True)

    assert (dag.dag_id, dag.schedule, dag.tags, dag.catchup) == ("sweep", "@hourly", {"ops"}, True)


OLD_CLAIM = {"dag_id": "dag", "run_id": "run", "task_id": "Train", "map_index": -1, "entered": True}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, context: Any, variables: dict[str, str]) -> Any:
    """Run the task over some orphans and refusals; return its result."""
    monkeypatch.setattr(AwsConnection, "client", lambda *_: None)

    def start(*names: str, refusals: int = 0) -> Any:
        def find(connection: Any, deployment: Any, facts: Any, witness: Any) -> Any:
            assert (deployment.installation, facts) == (INSTALLATION, facts_of_worker)
            for _ in range(refusals):
                witness.refused(PROCESSING_JOB, CallRefusedError("ListProcessingJobs", "AccessDenied", "no", None))
            for name in names:
                yield Orphan(PROCESSING_JOB, name, Owner("blue", "dag", "run", "Train"), "failed")

        stopped: list[str] = []
        monkeypatch.setattr(sweep, "find_orphans", find)
        monkeypatch.setattr(steps_in_progress, "stored_keys", lambda prefix: ["sm_steps_in_progress:old"])
        monkeypatch.setattr(steps_in_progress, "stored_value", lambda _: json.dumps(OLD_CLAIM))
        monkeypatch.setattr(steps_in_progress, "task_state", lambda *_: "failed")
        monkeypatch.setattr(steps_in_progress, "forget", stopped.append)
        monkeypatch.setattr(sweep, "stop_orphan", lambda _, orphan: stopped.append(orphan.name) or True)
        try:
            return stop_orphans_dag().tasks[0].execute(context), stopped
        except SweepError as error:
            return str(error), stopped

    return start


def test_its_task_stops_the_orphans_and_returns_their_number(run: Any) -> None:
    assert run("a", "b") == (2, ["sm_steps_in_progress:old", "a", "b"])
    assert run() == (0, ["sm_steps_in_progress:old"]), "and what counted a step as in progress that has ended"


def test_its_task_deletes_the_cached_results_that_have_expired(run: Any, variables: dict[str, str]) -> None:
    def stored(expires_at: str) -> str:
        return json.dumps({"dag": "d", "step": "s", "expires_at": expires_at})

    variables["sm_pipelines_cache_old"] = stored("2020-12-01T00:00:00Z")
    variables["sm_pipelines_cache_new"] = stored("2999-12-01T00:00:00Z")

    run("a")

    assert variables.keys() == {"sm_pipelines_cache_new"}


def test_a_refusal_fails_the_task_after_the_others_were_stopped(run: Any) -> None:
    assert run("a", refusals=1) == (
        "not every orphan could be found and stopped; the errors above say why",
        ["sm_steps_in_progress:old", "a"],
    )
