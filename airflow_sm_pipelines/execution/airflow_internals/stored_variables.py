"""Airflow variables as a running task or trigger writes them down: in Airflow's database, past all secrets backends.

Airflow's own look-up asks every secrets backend of the deployment first, which may cost a call to a cloud service each
time, and takes an outage of its API server for "there is none".
"""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_sm_pipelines.execution.airflow_internals.worker import ask_airflow

_MOST_KEYS = 10_000


def stored_keys(prefix: str) -> list[str]:
    """Return the keys of all variables that begin with a text; one request.

    Raises:
        AirflowRuntimeError: The API server refused to tell, or was away for a minute.
    """
    from airflow.sdk.execution_time.comms import GetVariableKeys

    return [*_sent(GetVariableKeys(prefix=prefix, limit=_MOST_KEYS)).keys]


def stored_value(key: str) -> str | None:
    """Return the value of a variable, ``None`` if the database has none of that key.

    Raises:
        AirflowRuntimeError: The API server refused to tell, or was away for a minute.
    """
    from airflow.sdk.execution_time.comms import GetVariable, VariableResult

    if key not in stored_keys(key):
        return None
    answer = _sent(GetVariable(key=key), refuse=False)
    return answer.value if isinstance(answer, VariableResult) else None  # deleted meanwhile


def store(key: str, value: str, description: str) -> None:
    """Write a variable down; it is durable, and seen by all, when the call returns.

    Raises:
        AirflowRuntimeError: The API server refused it, or was away for a minute.
    """
    from airflow.sdk.execution_time.comms import PutVariable

    _sent(PutVariable(key=key, value=value, description=description))


def forget(key: str) -> None:
    """Delete a variable, if there is one.

    Raises:
        AirflowRuntimeError: The API server refused it, or was away for a minute.
    """
    from airflow.sdk.execution_time.comms import DeleteVariable

    _sent(DeleteVariable(key=key))


def _sent(message: Any, *, refuse: bool = True) -> Any:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse

    answer = ask_airflow(lambda: task_runner.SUPERVISOR_COMMS.send(message))
    if refuse and isinstance(answer, ErrorResponse):
        raise AirflowRuntimeError(answer)
    return answer
