"""What a task asks Airflow about other runs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.utils.state import DagRunState

from airflow_sm_pipelines.execution.airflow_internals import other_runs, worker

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Supervisor:
    """Answers the messages of a task, by their type; the first answers may be errors."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.errors: list[Exception] = []
        self.messages: list[Any] = []

    def send(self, msg: Any) -> Any:
        self.messages.append(msg)
        if self.errors:
            raise self.errors.pop(0)
        return self.answers[type(msg).__name__]


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    run = SimpleNamespace(run_id="of-old", run_after=NOW, state=DagRunState.SUCCESS, conf={"MaxDepth": 6})
    states = SimpleNamespace(task_states={"of-old": {"A": "success"}, "newer": {"A": None}})
    supervisor = Supervisor(GetDagRun=run, GetDRCount=SimpleNamespace(count=1), GetTaskStates=states)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    monkeypatch.setattr(worker, "_OUTAGE_PAUSE", 0.0)
    return supervisor


def test_a_run_is_told_with_its_state_in_one_word(supervisor: Supervisor) -> None:
    assert other_runs.other_run("dag", "of-old") == other_runs.OtherRun("of-old", NOW, "success", {"MaxDepth": 6})


def test_a_run_that_was_started_with_nothing_has_an_empty_conf(supervisor: Supervisor) -> None:
    supervisor.answers["GetDagRun"].conf = None
    found = other_runs.other_run("dag", "of-old")

    assert found is not None
    assert found.conf == {}


def test_a_run_that_does_not_exist_is_none(supervisor: Supervisor) -> None:
    supervisor.answers["GetDRCount"].count = 0

    assert other_runs.other_run("dag", "of-last-week") is None
    [asked] = supervisor.messages
    assert (asked.dag_id, asked.run_ids) == ("dag", ["of-last-week"])


def test_all_runs_that_have_a_task_are_told_in_one_call(supervisor: Supervisor) -> None:
    assert other_runs.run_ids_of_tasks("dag", ["A"]) == {"of-old", "newer"}
    [asked] = supervisor.messages
    assert (asked.task_ids, asked.run_ids, asked.map_index) == (["A"], None, -1)
    assert other_runs.number_of_runs("dag") == 1


def test_an_outage_of_airflow_is_waited_for(supervisor: Supervisor) -> None:
    outage = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 503}))
    supervisor.errors = [outage, outage]

    assert other_runs.number_of_runs("dag") == 1
