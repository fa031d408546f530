"""Airflow variables past all secrets backends."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import (
    DeleteVariable,
    ErrorResponse,
    GetVariable,
    GetVariableKeys,
    OKResponse,
    PutVariable,
    VariableKeysResult,
    VariableResult,
)

from airflow_sm_pipelines.execution.airflow_internals.stored_variables import forget, store, stored_keys, stored_value


class Supervisor:
    """Answers as Airflow's supervisor does; notes what it was asked."""

    def __init__(self) -> None:
        self.variables = {"sm:a": "1", "sm:ab": "2", "other": "3"}
        self.asked: list[Any] = []
        self.refuses = False

    def send(self, message: Any) -> Any:
        self.asked.append(message)
        if self.refuses:
            return ErrorResponse(error=ErrorType.PERMISSION_DENIED, detail={"status_code": 403})
        if isinstance(message, GetVariableKeys):
            keys = [key for key in self.variables if key.startswith(message.prefix or "")]
            return VariableKeysResult(keys=keys, total_entries=len(keys))
        if isinstance(message, GetVariable):
            return VariableResult(key=message.key, value=self.variables[message.key])
        if isinstance(message, PutVariable):
            self.variables[message.key] = str(message.value)
            return None
        assert isinstance(message, DeleteVariable)
        self.variables.pop(message.key, None)
        return OKResponse(ok=True)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


def test_one_request_lists_all_keys_that_begin_so(supervisor: Supervisor) -> None:
    assert stored_keys("sm:") == ["sm:a", "sm:ab"]
    assert len(supervisor.asked) == 1


def test_a_variable_that_is_not_there_costs_no_look_up_in_a_secrets_backend(supervisor: Supervisor) -> None:
    assert stored_value("sm:a") == "1"
    assert stored_value("sm:b") is None
    assert stored_value("sm:") is None, "others begin so"
    assert [message.key for message in supervisor.asked if isinstance(message, GetVariable)] == ["sm:a"]


def test_a_variable_is_written_with_what_it_is_for_and_deleted(supervisor: Supervisor) -> None:
    store("sm:c", "4", "What for")

    assert stored_value("sm:c") == "4"
    assert supervisor.asked[0].description == "What for"
    forget("sm:c")
    forget("sm:c")
    assert stored_value("sm:c") is None


def test_a_refusal_is_not_taken_for_an_answer(supervisor: Supervisor) -> None:
    supervisor.refuses = True

    with pytest.raises(AirflowRuntimeError):
        stored_keys("sm:")
    with pytest.raises(AirflowRuntimeError):
        store("sm:a", "1", "")
