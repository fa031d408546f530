"""Stopping the job of a task that a person has marked, without a triggerer."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.execution import marked_tasks
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.marked_tasks import Background, MarkedTask
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.triggers import JobTrigger
from tests.airflow_database import Database

NAME = "pipelines-abcdef012345-Ask-t0k3nt0k3n-0"
CONNECTION = AwsConnection(None, "eu-west-1").as_arguments()
RECORD = {"epoch": "4/4", "name": NAME, "reference": NAME, "kind": "processing-job", "connection": CONNECTION}

pytestmark = pytest.mark.filterwarnings("default")  # SQLAlchemy and Airflow warn of what Airflow itself uses


@pytest.fixture
def aws(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    sagemaker.jobs[NAME] = {"ProcessingJobName": NAME, "ProcessingJobStatus": "InProgress"}
    sagemaker.ending = None
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: {"sagemaker": sagemaker}[service])
    return sagemaker


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(marked_tasks.time, "sleep", waited.append)
    return waited


def row(*, deferred: bool = True, classpath: str = "") -> Any:
    """What the listener gets: a task instance in the session of the request that marks it."""
    trigger = JobTrigger(
        kind=PROCESSING_JOB.key, name=NAME, connection=CONNECTION, poll_interval=30.0, attempt=NAME
    ).serialize()
    return SimpleNamespace(
        dag_id="dag",
        run_id="run",
        task_id="Ask",
        map_index=-1,
        trigger_id=3 if deferred else None,
        trigger=SimpleNamespace(classpath=classpath or trigger[0], kwargs=trigger[1]),
    )


def status(aws: Any) -> str:
    return str(aws.jobs[NAME]["ProcessingJobStatus"])


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
@pytest.mark.parametrize("deferred", [True, False])
def test_the_job_of_a_marked_task_is_stopped(database: Database, aws: Any, state: str, deferred: bool) -> None:
    """Deferred, the trigger names the job; waiting for a retry, or with a worker that died, the record does."""
    database.put(RECORD_KEY, RECORD)
    database.set(database.task, state=state)

    MarkedTask.of(row(deferred=deferred)).stop_job()

    assert status(aws) == "Stopped"


def test_a_run_that_was_deleted_after_the_mark_stops_it_too(database: Database, aws: Any) -> None:
    marked = MarkedTask.of(row())
    database.set(database.task, run_id="another run")

    marked.stop_job()

    assert status(aws) == "Stopped"


@pytest.mark.parametrize("state", ["deferred", "running", "up_for_retry", "queued"])
def test_a_mark_that_did_not_come_about_stops_nothing(database: Database, aws: Any, state: str) -> None:
    """The request was rolled back, or a lost try is tried again."""
    database.put(RECORD_KEY, RECORD)
    database.set(database.task, state=state)

    MarkedTask.of(row()).stop_job()

    assert status(aws) == "InProgress"


def test_a_run_created_again_has_another_job(database: Database, aws: Any) -> None:
    database.put(RECORD_KEY, {**RECORD, "name": "another", "reference": "another"})
    database.set(database.task, state="running")

    MarkedTask.of(row()).stop_job()

    assert status(aws) == "Stopped"


@pytest.mark.parametrize(
    "record", [None, {**RECORD, "kind": "", "connection": None}, {**RECORD, "reference": ""}, {**RECORD, "kind": "new"}]
)
def test_a_task_whose_job_is_not_known_is_left_to_the_sweep(database: Database, aws: Any, record: Any) -> None:
    if record is not None:
        database.put(RECORD_KEY, record)
    database.set(database.task, state="failed")

    MarkedTask.of(row(deferred=False)).stop_job()

    assert aws.calls == []


def test_the_trigger_of_a_callback_has_no_job(database: Database, aws: Any) -> None:
    database.set(database.task, state="failed")

    assert MarkedTask.of(row(classpath="airflow_sm_pipelines.callbacks.trigger.CallbackTrigger")).job is None


def test_a_busy_aws_is_asked_again(database: Database, aws: Any, client_error: Any, pauses: list[float]) -> None:
    database.set(database.task, state="failed")
    aws.faults["StopProcessingJob"] = [client_error("ThrottlingException") for _ in range(2)]

    MarkedTask.of(row()).stop_job()

    assert status(aws) == "Stopped"
    assert pauses == [2.0, 4.0]


@pytest.mark.parametrize(("code", "tries"), [("ThrottlingException", 6), ("AccessDeniedException", 1)])
def test_what_cannot_be_stopped_is_said_and_left_to_the_sweep(
    database: Database,
    aws: Any,
    client_error: Any,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
    code: str,
    tries: int,
) -> None:
    database.set(database.task, state="failed")
    aws.faults["StopProcessingJob"] = [client_error(code, "no") for _ in range(9)]

    MarkedTask.of(row()).stop_job()

    assert aws.calls.count("StopProcessingJob") == tries
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line == (
        f"Cannot stop the processing job {NAME}: AWS refused StopProcessingJob: {code}: no; "
        "`sm-pipelines stop-orphans` stops it later"
    )


# -- in the background -------------------------------------------------------------------------------------------------


def test_the_request_does_not_wait_and_the_work_is_done() -> None:
    background, asked, done = Background(delay=0.0), threading.Event(), threading.Event()

    def work() -> None:
        asked.wait(5)
        done.set()

    assert background.order(work)
    assert not done.is_set()
    asked.set()
    assert done.wait(5)


def test_a_fault_does_not_end_the_background(caplog: pytest.LogCaptureFixture) -> None:
    background, done = Background(delay=0.0), threading.Event()

    def fail() -> None:
        raise RuntimeError("unforeseen")

    background.order(fail)
    background.order(done.set)

    assert done.wait(5)
    assert "unforeseen" in caplog.text


def test_there_are_few_threads_and_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    background, goes_on = Background(delay=0.0), threading.Event()
    monkeypatch.setattr(marked_tasks, "_MOST_WAITING", 3)
    accepted = [background.order(lambda: bool(goes_on.wait(5)) and None) for _ in range(1100)]
    goes_on.set()

    assert 1 <= background._threads <= 4
    assert accepted[:1000] == [True] * 1000
    assert not accepted[-1]
