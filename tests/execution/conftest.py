"""What tests of execution share."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import step_run
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from tests.airflow_database import Database
from tests.execution.step_stand_ins import DeferredError, Task


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


@pytest.fixture
def make_task(definition: Any, processing_arguments: Any, connection: Any, context: Any) -> Any:
    """Make the task of a pipeline's only step; of the arguments, those given replace the usual ones."""

    def make(parameters: dict[str, Any] | None = None, **arguments: Any) -> Task:
        parameters = parameters or {}
        body = definition(
            {"Name": "Step", "Type": "Processing", "Arguments": {**processing_arguments, **arguments}},
            Parameters=[{"Name": name, "Type": "String", "DefaultValue": ""} for name in parameters],
        )
        context["params"] = parameters
        pipeline = load_pipeline(body)
        return Task(pipeline.plans[0], PipelineRunSettings(pipeline, "Pipe", {"Step": "Step"}), connection)

    return make


@pytest.fixture
def task_state(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What Airflow says about the task's state."""
    answer: dict[str, str | None] = {"state": "running"}
    monkeypatch.setattr(step_run, "task_state", lambda *_: answer["state"])
    return answer


@pytest.fixture
def deferred(make_task: Any, context: Any, sagemaker: Any) -> Task:
    """A task in the process that resumes it: it knows nothing but the state store."""
    sagemaker.ending = None
    with pytest.raises(DeferredError):
        make_task().step(context).start()
    return make_task()  # type: ignore[no-any-return]
