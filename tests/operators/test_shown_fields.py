"""What Airflow's UI shows of a task beside its log, and the requests that it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, SetRenderedFields

from airflow_sm_pipelines.execution.airflow_internals.shown_fields import store_what_is_shown

ROOT = Path(__file__).parents[2]


class Supervisor:
    """Takes the messages of a task process.

    Attributes:
        messages: What it was sent.
        refuses: Whether it refuses everything.
    """

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.refuses = False

    def send(self, msg: Any) -> None:
        if self.refuses:
            error = ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 400})
            raise AirflowRuntimeError(error)
        self.messages.append(msg)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    found = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", found, raising=False)
    return found


@pytest.fixture
def task(make_tasks: Any, processing: Any) -> Any:
    """A task with a job whose request was sent."""
    made = make_tasks(processing("A"))["A"]
    made.request = {"ProcessingJobName": "job"}
    return made


@pytest.fixture
def ti_context() -> Any:
    return {"ti": SimpleNamespace(dag_id="d", task_id="A", run_id="r", map_index=-1, _ti_context_from_server=None)}


def test_what_is_shown_of_a_task_is_stored_before_it_defers_and_not_again(task: Any, supervisor: Supervisor) -> None:
    store_what_is_shown(task)

    (fields,) = supervisor.messages
    assert isinstance(fields, SetRenderedFields)
    assert fields.rendered_fields == {"request": {"ProcessingJobName": "job"}}
    assert (task.template_fields, task.operator_extra_links) == ((), ()), "Airflow has nothing to store at the end"


def test_what_airflow_does_not_take_it_gets_again_when_the_process_ends(task: Any, supervisor: Supervisor) -> None:
    supervisor.refuses = True

    store_what_is_shown(task)

    assert task.template_fields


def test_outside_of_a_task_process_nothing_is_stored(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(task_runner, "SUPERVISOR_COMMS", raising=False)

    store_what_is_shown(task)

    assert task.template_fields


@pytest.mark.parametrize(("next_method", "is_left"), [("resume", True), ("begin_in_turn", False), ("__fail__", False)])
def test_a_task_that_goes_on_with_its_job_leaves_what_is_shown(
    task: Any, ti_context: Any, next_method: str, is_left: bool
) -> None:
    """One that waited for its turn, or whose deferral failed, has other things to show."""
    ti_context["ti"]._ti_context_from_server = SimpleNamespace(next_method=next_method)

    task.render_template_fields(ti_context)

    assert (task.template_fields == ()) is is_left


def test_a_task_that_will_defer_shows_nothing_until_its_request_is_known(
    task: Any, ti_context: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(type(task), "begin", lambda task, _: shown.append(tuple(task.template_fields)))

    task.render_template_fields(ti_context)
    assert task.template_fields == ()
    task.execute(context)

    assert shown == [("request",)]


def test_a_task_that_waits_in_its_worker_shows_the_definition_meanwhile(task: Any, ti_context: Any) -> None:
    task.waiting = replace(task.waiting, deferrable=False)

    task.render_template_fields(ti_context)

    assert tuple(task.template_fields) == ("request",)


REQUESTS = """
import json, os, tempfile
from pathlib import Path
from tests.bench.step_cost import StandInAirflow, become_a_worker, prepare, run_step, sagemaker

with tempfile.TemporaryDirectory() as folder, sagemaker() as aws:
    prepare(Path(folder))
    become_a_worker()
    first, second = run_step("ours", StandInAirflow(aws.endpoint_url), aws)
    Path(os.environ["FOUND"]).write_text(json.dumps([first.requests, second.requests]))
"""


@pytest.mark.loopback
def test_a_deferred_step_asks_airflow_no_more_than_it_must(tmp_path: Path) -> None:
    """Counted where Airflow's supervisor asks the API server, around two real task processes."""
    found = tmp_path / "requests.json"
    # As in a deployment: the unit tests' own settings of Airflow would save requests.
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment = {**own, "PYTHONPATH": str(ROOT), "FOUND": str(found)}

    subprocess.run(
        [sys.executable, "-c", REQUESTS], cwd=ROOT, env=environment, check=True, timeout=300, capture_output=True
    )

    first, second = json.loads(found.read_text())
    assert first == {
        "PATCH task-instances/run": 1,  # Airflow's own
        "PUT task-instances/rtif": 1,  # the request that was sent
        "GET variables/…": 1,  # which installation of Airflow this is
        "GET connections/…": 1,
        "PUT store/…": 2,  # the attempt, before and after its job was created
        "POST xcoms/…": 1,  # the attempt for triggers and other tasks
        "PATCH task-instances/state": 1,
    }
    assert second == {
        "PATCH task-instances/run": 1,
        "GET connections/…": 1,
        "GET store/…": 1,
        "POST xcoms/…": 1,  # the properties
        "PATCH task-instances/state": 1,
    }
