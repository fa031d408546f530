"""What tests of execution share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.airflow_database import Database


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    """Airflow's own tables, in memory, as the server side reads and writes them."""
    from airflow_sm_pipelines.execution.airflow_internals import server

    database = Database()
    monkeypatch.setattr(server, "create_session", database.session)
    return database


class RunInAirflow:
    """The variables and task states of one run.

    Attributes:
        variables: Values by key.
        states: State of each task; of a mapped one the states of its instances by index.
        asked: Name of each request.
    """

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.states: dict[str, Any] = {}
        self.asked: list[str] = []

    def stored_keys(self, prefix: str) -> list[str]:
        self.asked.append("keys")
        return [key for key in self.variables if key.startswith(prefix)]

    def stored_value(self, key: str) -> str | None:
        self.asked.append("value")
        return self.variables.get(key)

    def store(self, key: str, value: str, description: str) -> None:
        self.asked.append("store")
        self.variables[key] = value

    def forget(self, key: str) -> None:
        self.asked.append("forget")
        self.variables.pop(key, None)

    def task_states(self, dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str | None]:
        self.asked.append("states")
        return {task_id: self.states[task_id] for task_id in task_ids if task_id in self.states}

    def mapped_task_states(self, dag_id: str, run_id: str, task_id: str) -> dict[int, str | None]:
        self.asked.append("mapped states")
        return dict(self.states.get(task_id, {}))


@pytest.fixture
def airflow_run(monkeypatch: pytest.MonkeyPatch) -> RunInAirflow:
    """A run as the steps in progress see it, in which nothing has begun."""
    from airflow_sm_pipelines.execution import parallelism, steps_in_progress

    run = RunInAirflow()
    for name in ("stored_keys", "stored_value", "store", "forget", "task_states", "mapped_task_states"):
        monkeypatch.setattr(steps_in_progress, name, getattr(run, name))
    monkeypatch.setattr(parallelism, "task_states", run.task_states)
    return run
