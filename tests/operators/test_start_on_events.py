"""The task that starts runs for the events of a queue."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_sm_pipelines.errors import CallRefusedError
from airflow_sm_pipelines.execution import event_queue
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.event_queue import QueueMessage
from airflow_sm_pipelines.operators import start_on_events
from airflow_sm_pipelines.operators.start_on_events import EventStartError, StartOnEventsOperator

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"


class World:
    """Airflow's runs and the queue, in the order of what happens to them."""

    def __init__(self) -> None:
        self.runs: dict[str, Any] = {}
        self.happened: list[str] = []
        self.refuse: Exception | None = None

    def start(self, dag_id: str, run_id: str, conf: Any) -> bool:
        if self.refuse:
            raise self.refuse
        self.happened.append(f"start {dag_id} {run_id}")
        is_new = run_id not in self.runs
        self.runs.setdefault(run_id, conf)
        return is_new

    def delete(self, connection: AwsConnection, queue_url: str, message: QueueMessage) -> None:
        assert (connection.aws_conn_id, queue_url) == ("aws_ml", URL)
        self.happened.append(f"delete {message.receipt_handle}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(start_on_events, "start_dag_run", world.start)
    monkeypatch.setattr(event_queue, "delete_message", world.delete)
    return world


@pytest.fixture
def operator() -> StartOnEventsOperator:
    return StartOnEventsOperator(
        task_id="start_runs",
        pipeline_dag_id="abalone",
        queue_url=URL,
        parameters={"Key": "$.detail.key", "Type": "ml.m5.large"},
        connection=AwsConnection("aws_ml"),
    )


def message(name: str, key: str | None = "data.csv", *, event_id: object = None, handle: str = "r") -> Any:
    body = {"id": event_id or f"id-{name}", "detail": {"key": key} if key else {}}
    return QueueMessage(name, f"{handle}-{name}", json.dumps(body)).as_payload()


def context(*payloads: Any) -> Any:
    events = [SimpleNamespace(extra={"from_trigger": True, "payload": payload}) for payload in payloads]
    return {"triggering_asset_events": {"asset": events} if events else {}}


def test_each_event_starts_a_run_with_the_values_of_the_event(operator: Any, world: World) -> None:
    assert operator.execute(context(message("a", "1.csv"), message("b", "2.csv"))) == ["event__id-a", "event__id-b"]
    assert world.runs == {
        "event__id-a": {"Key": "1.csv", "Type": "ml.m5.large"},
        "event__id-b": {"Key": "2.csv", "Type": "ml.m5.large"},
    }


def test_a_message_is_deleted_after_its_run_was_started(operator: Any, world: World) -> None:
    operator.execute(context(message("a")))

    assert world.happened == ["start abalone event__id-a", "delete r-a"]


def test_a_message_that_comes_again_starts_no_second_run(operator: Any, world: World) -> None:
    operator.execute(context(message("a", "first.csv")))
    operator.execute(context(message("a", "first.csv", handle="again")))

    assert world.runs == {"event__id-a": {"Key": "first.csv", "Type": "ml.m5.large"}}
    assert world.happened[-1] == "delete again-a"


def test_an_event_that_eventbridge_sends_twice_starts_one_run(operator: Any, world: World) -> None:
    operator.execute(context(message("a", event_id="same"), message("b", event_id="same")))

    assert [*world.runs] == ["event__same"]
    assert [what for what in world.happened if what.startswith("delete")] == ["delete r-a", "delete r-b"]


def test_a_message_that_was_received_twice_is_handled_once_with_its_last_handle(operator: Any, world: World) -> None:
    operator.execute(context(message("a"), message("a", handle="later")))

    assert world.happened == ["start abalone event__id-a", "delete later-a"]


@pytest.mark.parametrize("event_id", [7, "../../x", "a" * 101, None])
def test_an_event_without_a_usable_id_is_known_by_its_message(operator: Any, world: World, event_id: Any) -> None:
    body = json.dumps({"id": event_id, "detail": {"key": "k"}})

    assert operator.execute(context(QueueMessage("m-1", "r", body).as_payload())) == ["event__m-1"]


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (message("bad", None), "parameter Key: $.detail.key leads to nothing in the event"),
        (QueueMessage("bad", "r-bad", "no JSON").as_payload(), "it is not a JSON object: "),
        (QueueMessage("bad", "r-bad", "[]").as_payload(), "it is not a JSON object: []"),
    ],
)
def test_a_message_that_starts_no_run_stays_in_the_queue_and_the_others_are_handled(
    operator: Any, world: World, payload: Any, complaint: str
) -> None:
    with pytest.raises(EventStartError) as failed:
        operator.execute(context(payload, message("good")))

    assert str(failed.value).startswith(f"1 of 2 messages stay in {URL}: message bad: {complaint}")
    assert world.happened == ["start abalone event__id-good", "delete r-good"]


@pytest.mark.parametrize(
    "refusal",
    [
        AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 400})),
        CallRefusedError("DeleteMessage", "AccessDenied", "no", None),
    ],
)
def test_a_refused_run_fails_the_task_and_keeps_the_message(operator: Any, world: World, refusal: Exception) -> None:
    world.refuse = refusal

    with pytest.raises(EventStartError, match="1 of 1 messages stay"):
        operator.execute(context(message("a")))
    assert world.happened == []


def test_a_run_that_a_person_starts_has_nothing_to_do(operator: Any, world: World) -> None:
    assert operator.execute(context()) == []
