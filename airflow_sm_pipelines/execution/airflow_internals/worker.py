"""What a running task or trigger needs of Airflow beside ``airflow.sdk``.

Everything that takes time to import is imported inside functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.semantics.ownership import ABSENT


class StateStore(Protocol):
    """What we use of Airflow's task state store (Airflow 3.3, AIP-103)."""

    def get(self, key: str) -> object:
        """Return the stored JSON value, ``None`` if there is none."""

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Store a JSON value; it is durable when the call returns."""


def state_store(context: Context) -> StateStore:
    """Return the state store of the running task instance."""
    store: StateStore = context["task_state_store"]
    return store


def task_states(dag_id: str, run_id: str, task_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the state of each task of a run that has a row; a mapped one's key is ``<task id>_<map index>``.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_ids: The tasks to ask for.
    """
    # Costs 100 ms outside a task.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    answer = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=list(task_ids), run_ids=[run_id])
    return dict(answer.get(run_id, {}))


def own_task(trigger: BaseTrigger) -> TaskInstance:
    """Return the task instance that a trigger works for.

    Raises:
        RuntimeError: Airflow has not set it.
    """
    if trigger.task_instance is None:
        raise RuntimeError(f"{type(trigger).__name__} has no task instance; Airflow sets it before the trigger runs")
    return trigger.task_instance


def is_dag_test() -> bool:
    """Tell whether the task runs inside ``dag.test()``, one task at a time, instead of in a worker."""
    from airflow.sdk.execution_time import task_runner

    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    return type(comms).__name__ == "InProcessSupervisorComms"


def open_required_action(
    ti_id: UUID, *, options: Iterable[str], subject: str, body: str, fields: dict[str, JsonObject]
) -> None:
    """Make the required action of a task instance, or open it again.

    Args:
        ti_id: Id of the task instance.
        options: The answers to choose from.
        subject: The title.
        body: The text, as Markdown.
        fields: The fields of the form, by name, as Airflow stores them.
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    upsert_hitl_detail(ti_id=ti_id, options=list(options), subject=subject, body=body, params=fields)


def is_action_answered(ti_id: UUID) -> bool:
    """Tell whether the required action of a task instance is answered.

    Raises:
        airflow.sdk.exceptions.AirflowRuntimeError: There is no such action, or the API server does not tell.
    """
    from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail

    return bool(get_hitl_detail_content_detail(ti_id=ti_id).response_received)


def without_secrets(value: Json) -> object:
    """Return a JSON value in which Airflow has masked what it takes for secrets."""
    from airflow.sdk._shared.secrets_masker import redact

    return redact(value)


class Fernet(Protocol):
    """What we use of Airflow's Fernet key."""

    is_encrypted: bool

    def encrypt(self, msg: bytes) -> bytes:
        """Return the encrypted message."""

    def decrypt(self, msg: bytes) -> bytes:
        """Return the message.

        Raises:
            cryptography.fernet.InvalidToken: It was encrypted with another key.
        """


def airflow_fernet() -> Fernet:
    """Return Airflow's Fernet key; with an empty ``[core] fernet_key`` one that does not encrypt.

    Raises:
        airflow.sdk.exceptions.AirflowException: ``[core] fernet_key`` is not a Fernet key.
    """
    from airflow.sdk.crypto import get_fernet

    return get_fernet()


def mapped_task_states(dag_id: str, run_id: str, task_id: str) -> dict[int, str | None]:
    """Return the state of each instance of a task, by map index; ``-1`` for one that is not mapped, or not mapped yet.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task. Asked for alone: Airflow's keys of several tasks could be mixed up.
    """
    states = task_states(dag_id, run_id, [task_id])
    return {-1 if key == task_id else int(key.removeprefix(f"{task_id}_")): state for key, state in states.items()}


def task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return the state of one task instance, `ABSENT` if it has no row (its run was deleted).

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
    """
    key = task_id if map_index < 0 else f"{task_id}_{map_index}"  # the form of Airflow's answer
    return task_states(dag_id, run_id, [task_id]).get(key, ABSENT)
