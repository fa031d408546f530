"""Schedules and events of EventBridge on the real scheduler and triggerer."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import World, wait_for

pytestmark = pytest.mark.e2e


def runs_of(world: World, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.airflow.api.request("GET", f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return found


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_the_scheduler_runs_what_is_due_and_shows_the_schedules(world: World) -> None:
    world.airflow.api.request("PATCH", "dags/five_minutes", {"is_paused": False})
    try:
        runs = wait_for(lambda: runs_of(world, "five_minutes"), 60, "a scheduled run")
    finally:
        world.airflow.api.request("PATCH", "dags/five_minutes", {"is_paused": True})

    run = runs[0]
    due = datetime.fromisoformat(run["logical_date"])
    now = datetime.now(due.tzinfo)
    assert (run["run_type"], due.minute % 5, due.second) == ("scheduled", 0, 0)
    # Airflow has noted the run that was due when it last read the file, perhaps long before this test.
    assert now - timedelta(hours=1) < due <= now
    assert run["data_interval_start"] == run["data_interval_end"] == run["run_after"] == run["logical_date"]
    dag = world.airflow.api.request("GET", "dags/five_minutes/details")
    assert dag["timetable_summary"] == "cron(0/5 * ? * SUN-SAT *), at(2023-12-13T10:15:20)"
    assert "- `off: rate(1 minute)` (disabled)" in dag["doc_md"]


def test_a_backfill_makes_the_runs_of_its_interval(world: World) -> None:
    body = {
        "dag_id": "five_minutes",
        "from_date": "2026-01-01T00:00:00Z",
        "to_date": "2026-01-01T00:10:00Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "none",
        "max_active_runs": 3,
    }

    world.airflow.api.request("POST", "backfills", body)

    def backfilled() -> list[str]:
        runs = [run for run in runs_of(world, "five_minutes") if run["run_type"] == "backfill"]
        return sorted(run["logical_date"] for run in runs)

    wait_for(lambda: len(backfilled()) == 3, 60, "three runs of the backfill")
    assert backfilled() == ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]


# -- events ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sqs(_world: World) -> Any:
    client: Any = boto3.client(
        "sqs",
        endpoint_url=_world.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_queue(QueueName="uploads")
    return client


def send(sqs: Any, event_id: str, key: str) -> None:
    url = sqs.get_queue_url(QueueName="uploads")["QueueUrl"]
    event = {"id": event_id, "source": "aws.s3", "detail": {"object": {"key": key}}}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))


def left(sqs: Any) -> int:
    url = sqs.get_queue_url(QueueName="uploads")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def confs(world: World) -> dict[str, Any]:
    return {run["dag_run_id"]: run["conf"] for run in runs_of(world, "uploads")}


def test_each_event_starts_one_run_with_its_own_values_however_close_they_come(world: World, sqs: Any) -> None:
    for number in range(5):
        send(sqs, f"close-{number}", f"{number}.csv")
    send(sqs, "close-0", "0.csv")  # EventBridge delivers at least once

    wait_for(lambda: left(sqs) == 0, 120, "the queue to be empty")

    found = {run_id: conf for run_id, conf in confs(world).items() if run_id.startswith("event__close")}
    assert found == {f"event__close-{number}": {"Key": f"{number}.csv"} for number in range(5)}
    assert world.airflow.api.request("GET", "dags/uploads/dagRuns/event__close-0")["run_type"] != "scheduled"


def test_an_event_outlasts_the_death_of_the_triggerer(world: World, sqs: Any) -> None:
    world.airflow.stop_component("triggerer", signal.SIGKILL)
    try:
        send(sqs, "after-death", "late.csv")
    finally:
        world.airflow.start_component("triggerer")

    wait_for(lambda: "event__after-death" in confs(world) and left(sqs) == 0, 180, "the run of the event")
    assert confs(world)["event__after-death"] == {"Key": "late.csv"}
