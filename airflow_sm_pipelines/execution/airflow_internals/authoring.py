"""What DAG files need of Airflow beside ``airflow.sdk``; loaded in every Airflow process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from airflow.sdk import DAG, BaseOperator, RetryPolicy, get_parsing_context
from airflow.sdk.bases.operator import DEFAULT_RETRIES, TRIGGER_FAIL_REPR  # type: ignore[attr-defined]
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.definitions.dag import ScheduleArg
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision

__all__ = [
    "DEFAULT_RETRIES",
    "TRIGGER_FAIL_REPR",
    "ParamsDict",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "ScheduleArg",
    "SkipMixin",
    "is_name_of_a_secret",
    "make_missing_task",
    "retry_policy_argument",
]


def retry_policy_argument(policy: RetryPolicy) -> dict[str, Any]:
    """Return the argument of ``BaseOperator`` that sets a task's retry policy (Airflow 3.3)."""
    return {"retry_policy": policy}


@cache
def is_name_of_a_secret(name: str) -> bool:
    """Tell whether Airflow hides what has a name such as ``password`` (``[core] sensitive_var_conn_names``)."""
    from airflow.sdk._shared.secrets_masker import redact

    return redact("value", name) != "value"


def make_missing_task(dag: DAG, make: Callable[[str], BaseOperator | None]) -> None:
    """Make the task of this process if the DAG turns out not to have it when the whole file is loaded.

    Airflow takes a task that the file no longer has for a file that is not there yet: it puts the task off by a minute,
    again and again, then gives up (``task_runner.parse``). Does nothing in other processes.

    Args:
        dag: The DAG.
        make: Adds the task with an id to the DAG, or returns ``None`` if it is not the one to make it.
    """
    context = get_parsing_context()
    if context.task_id is None or context.dag_id != dag.dag_id:
        return
    if not isinstance(dag.task_dict, _TasksMadeWhenMissing):
        dag.task_dict = _TasksMadeWhenMissing(dag.task_dict)
    dag.task_dict.makers.append(make)


class _TasksMadeWhenMissing(dict[str, Any]):
    """Tasks by id; ``tasks[id]`` makes one that is not there, ``id in tasks`` does not."""

    def __init__(self, tasks: dict[str, Any]) -> None:
        super().__init__(tasks)
        self.makers: list[Callable[[str], BaseOperator | None]] = []

    def __missing__(self, task_id: str) -> BaseOperator:
        for make in self.makers:
            task = make(task_id)
            if task is not None:
                return task
        raise KeyError(task_id)
