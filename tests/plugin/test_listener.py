"""What the plugin does when Airflow tells it of starts and of ended tasks."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.execution import installation, marked_tasks
from airflow_sm_pipelines.plugin import SageMakerPipelinesPlugin, listener


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The classes by which the listener tells Airflow's own processes from those of tasks."""
    job, row = type("Job", (), {}), type("TaskInstance", (), {"operator": "ProcessingOperator"})
    monkeypatch.setitem(sys.modules, "airflow.jobs.job", SimpleNamespace(Job=job))
    monkeypatch.setitem(sys.modules, "airflow.models.taskinstance", SimpleNamespace(TaskInstance=row))
    return SimpleNamespace(job=job, row=row)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    tasks: list[Any] = []
    monkeypatch.setattr(marked_tasks, "stop_job_of_marked_task", tasks.append)
    return tasks


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(installation, "register_installation", lambda: calls.append("registered"))
    return calls


def test_the_plugin_brings_it() -> None:
    assert SageMakerPipelinesPlugin.listeners == [listener]


def test_airflow_accepts_its_functions() -> None:
    from airflow.listeners.listener import get_listener_manager

    get_listener_manager().add_listener(listener)  # checks the names and the arguments


def test_a_process_with_the_database_registers_the_installation(loaded: Any, registered: list[str]) -> None:
    listener.on_starting(loaded.job())
    assert registered == ["registered"]


def test_the_process_of_a_task_does_not(loaded: Any, registered: list[str]) -> None:
    listener.on_starting(SimpleNamespace())
    assert registered == []


HOOKS = [listener.on_task_instance_success, listener.on_task_instance_failed, listener.on_task_instance_skipped]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_person_who_ends_a_task_stops_its_job(loaded: Any, stopped: list[Any], hook: Any) -> None:
    row = loaded.row()
    hook(row)
    assert stopped == [row]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_task_that_ends_by_itself_is_left_alone(loaded: Any, stopped: list[Any], hook: Any) -> None:
    hook(SimpleNamespace(operator="ProcessingOperator"))
    assert stopped == []


@pytest.mark.parametrize("operator", ["BashOperator", None, "ProcessingOperators"])
def test_the_tasks_of_others_are_left_alone(loaded: Any, stopped: list[Any], operator: str | None) -> None:
    row = loaded.row()
    row.operator = operator
    listener.on_task_instance_failed(row)
    assert stopped == []


def test_a_task_process_pays_nothing_for_it() -> None:
    program = (
        "import sys, airflow_sm_pipelines.plugin.listener as l; l.on_starting(object()); l.on_task_instance_success(1);"
        "print([n for n in sys.modules if n in ('airflow.jobs.job', 'airflow.models.taskinstance',"
        " 'airflow_sm_pipelines.execution.marked_tasks')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
