"""An API server of Airflow that is away is no failure of the step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ConnectionResult, ErrorResponse, OKResponse, VariableResult

from airflow_sm_pipelines.execution.airflow_internals import worker
from airflow_sm_pipelines.execution.airflow_internals.worker import (
    airflow_variable,
    ask_airflow,
    connection_exists,
    is_outage,
    pull_xcom,
    push_xcom,
    start_dag_run,
    state_store,
    task_states,
)


def refusal(error: ErrorType = ErrorType.API_SERVER_ERROR, **detail: Any) -> AirflowRuntimeError:
    return AirflowRuntimeError(ErrorResponse(error=error, detail=detail))


AWAY = refusal(status_code=None, exception_type="ConnectError")


class Clock:
    """Time that passes in pauses, and by ten seconds with each call that fails, as Airflow's own tries take."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker.time, "sleep", clock.sleep)
    monkeypatch.setattr(worker.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def outage(clock: Clock) -> Any:
    """Return a call that fails some times before it answers."""

    def make(failures: int, answer: Any = "answer", error: Exception = AWAY) -> Any:
        left = [error] * failures

        def call(*_: Any, **__: Any) -> Any:
            if left:
                clock.now += 10
                raise left.pop()
            return answer

        return call

    return make


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AWAY, True),
        (refusal(status_code=500), True),
        (refusal(status_code=503), True),
        (refusal(status_code=499), False),
        (refusal(status_code=404), False),
        (refusal(ErrorType.PERMISSION_DENIED), False),
        (refusal(ErrorType.GENERIC_ERROR), False),
    ],
)
def test_what_passes_is_told_from_what_is_refused(error: AirflowRuntimeError, expected: bool) -> None:
    assert is_outage(error) is expected


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_an_outage_of_a_minute_is_outlasted(outage: Any, failures: int) -> None:
    assert ask_airflow(outage(failures)) == "answer"


def test_a_longer_one_ends_the_try(outage: Any, clock: Clock) -> None:
    with pytest.raises(AirflowRuntimeError):
        ask_airflow(outage(100))
    assert 60 <= clock.now <= 80


def test_a_refusal_is_not_asked_about_again(outage: Any, clock: Clock) -> None:
    with pytest.raises(AirflowRuntimeError):
        ask_airflow(outage(1, error=refusal(status_code=409)))
    assert clock.now == 10


def test_the_state_store_outlasts_an_outage(outage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = SimpleNamespace(get=outage(2, {"a": 1}), set=outage(2))
    store = state_store({"task_state_store": kept})  # type: ignore[typeddict-unknown-key]

    assert store.get("key") == {"a": 1}
    store.set("key", 1)


def test_xcoms_outlast_an_outage(outage: Any) -> None:
    context: Any = {"ti": SimpleNamespace(xcom_push=outage(2), xcom_pull=outage(2, [1]))}

    push_xcom(context, "key", 1)
    assert pull_xcom(context, "Task", "key", -1) == [1]


def test_the_states_of_tasks_outlast_an_outage(outage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = outage(2, {"run": {"A": "running"}})
    monkeypatch.setattr(task_runner.RuntimeTaskInstance, "get_task_states", staticmethod(answer))

    assert task_states("dag", "run", ["A"]) == {"A": "running"}


# -- where Airflow takes an outage for "there is none" -----------------------------------------------------------------


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Answer the task's own questions to its supervisor."""

    def answer(send: Any) -> None:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)

    return answer


def test_a_connection_that_an_outage_hid_exists_after_all(outage: Any, supervisor: Any) -> None:
    supervisor(outage(2, ConnectionResult.model_construct(conn_id="aws_default", conn_type="aws")))

    assert connection_exists("aws_default")


def test_a_connection_that_airflow_says_does_not_exist_does_not(supervisor: Any) -> None:
    supervisor(lambda _: ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND))

    assert not connection_exists("aws_default")


def test_no_step_goes_on_without_its_connection_during_a_long_outage(outage: Any, supervisor: Any) -> None:
    supervisor(outage(100))

    with pytest.raises(AirflowRuntimeError):
        connection_exists("aws_default")


def test_a_variable_that_an_outage_hid_is_read_after_all(
    outage: Any, supervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda key, default: default)
    supervisor(outage(2, VariableResult(key="sm", value="value")))

    assert airflow_variable("sm") == "value"


def test_a_variable_that_airflow_says_does_not_exist_does_not(supervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda key, default: default)
    supervisor(lambda _: ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND))

    assert airflow_variable("sm") is None


# -- starting runs -----------------------------------------------------------------------------------------------------


def test_starting_a_run_outlasts_an_outage(outage: Any, supervisor: Any) -> None:
    supervisor(outage(2, OKResponse(ok=True)))

    assert start_dag_run("abalone", "event__1", {"Key": "k"})


def test_a_run_that_is_there_already_is_not_started_again(supervisor: Any) -> None:
    asked: list[Any] = []

    def send(message: Any) -> ErrorResponse:
        asked.append((message.dag_id, message.run_id, message.conf, message.reset_dag_run))
        return ErrorResponse(error=ErrorType.DAGRUN_ALREADY_EXISTS)

    supervisor(send)

    assert not start_dag_run("abalone", "event__1", {"Key": "k"})
    assert asked == [("abalone", "event__1", {"Key": "k"}, False)]


def test_a_run_that_airflow_refuses_is_an_error(outage: Any, supervisor: Any) -> None:
    supervisor(outage(1, error=refusal(status_code=400)))

    with pytest.raises(AirflowRuntimeError):
        start_dag_run("abalone", "event__1", {})
