"""What a running task or trigger needs of Airflow beside ``airflow.sdk``.

Everything that takes time to import is imported inside functions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.semantics.ownership import ABSENT

_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)
_OUTAGE_PATIENCE = 60.0
_OUTAGE_PAUSE = 2.0


# -- outages -----------------------------------------------------------------------------------------------------------


def is_outage(error: AirflowRuntimeError) -> bool:
    """Tell whether Airflow's API server was away, or broken, when a call failed: the same call may succeed later."""
    if error.error.error is not ErrorType.API_SERVER_ERROR:
        return False
    status = (error.error.detail or {}).get("status_code")
    return status is None or int(status) >= 500


def ask_airflow(question: Callable[[], _Answer]) -> _Answer:
    """Ask Airflow's API server, and ask again for a minute while it is away.

    Airflow itself tries each call for about 10 s (``[workers] execution_api_retries``), then raises in the task. A
    restart of the API server takes longer, and is no failure of the step.

    Args:
        question: Makes the call; made again after an outage, even if the server has received it.

    Raises:
        AirflowRuntimeError: The server refused the call, or was away for a minute.
    """
    deadline = time.monotonic() + _OUTAGE_PATIENCE
    while True:
        try:
            return question()
        except AirflowRuntimeError as error:
            if not is_outage(error) or time.monotonic() >= deadline:
                raise
            _log.warning("Airflow's API server does not answer, will ask again: %s", error)
        time.sleep(_OUTAGE_PAUSE)


def connection_exists(conn_id: str) -> bool:
    """Tell whether an Airflow connection that was not found exists after all.

    Airflow's look-up takes an outage of the API server for "there is no such connection"
    (``ExecutionAPISecretsBackend``), and a step must not go on with other credentials then. Where Airflow's database
    is read directly, outside tasks and triggers, the look-up is right.

    Args:
        conn_id: The connection.

    Raises:
        AirflowRuntimeError: The server was away for a minute.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ConnectionResult, GetConnection

    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if comms is None:
        return False
    return isinstance(ask_airflow(lambda: comms.send(GetConnection(conn_id=conn_id))), ConnectionResult)


def airflow_variable(key: str) -> str | None:
    """Return an Airflow variable, ``None`` if there is none.

    Raises:
        AirflowRuntimeError: The API server was away for a minute; Airflow's own look-up takes an outage for "none".
    """
    from airflow.sdk import Variable
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetVariable, VariableResult

    value: str | None = Variable.get(key, default=None)
    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if value is not None or comms is None:
        return value
    answer = ask_airflow(lambda: comms.send(GetVariable(key=key)))
    return answer.value if isinstance(answer, VariableResult) else None


def set_airflow_variable(key: str, value: str, description: str | None = None) -> None:
    """Set an Airflow variable."""
    from airflow.sdk import Variable

    ask_airflow(lambda: Variable.set(key, value, description=description))


def airflow_variable_keys(prefix: str) -> list[str]:
    """Return the keys of the Airflow variables in Airflow's database that begin with a text."""
    from airflow.sdk import Variable

    return ask_airflow(lambda: list(Variable.keys(prefix=prefix)))


def delete_airflow_variable(key: str) -> None:
    """Delete an Airflow variable."""
    from airflow.sdk import Variable

    ask_airflow(lambda: Variable.delete(key))


# -- the task's own values ---------------------------------------------------------------------------------------------


class StateStore(Protocol):
    """What we use of Airflow's task state store (Airflow 3.3, AIP-103)."""

    def get(self, key: str) -> object:
        """Return the stored JSON value, ``None`` if there is none."""

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Store a JSON value; it is durable when the call returns."""


def state_store(context: Context) -> StateStore:
    """Return the state store of the running task instance; its calls outlast an outage, as with `ask_airflow`."""
    return _OutlastingStore(context["task_state_store"])


@dataclass(frozen=True, slots=True)
class _OutlastingStore:
    store: StateStore

    def get(self, key: str) -> object:
        return ask_airflow(lambda: self.store.get(key))

    def set(self, key: str, value: Any, **options: Any) -> None:
        ask_airflow(lambda: self.store.set(key, value, **options))


def push_xcom(context: Context, key: str, value: Json) -> None:
    """Push an XCom of the running task instance."""
    ask_airflow(lambda: context["ti"].xcom_push(key=key, value=value))


def pull_xcom(context: Context, task_id: str, key: str, map_index: int) -> Json:
    """Return an XCom of a task of the same run, ``None`` if there is none."""
    value: Json = ask_airflow(lambda: context["ti"].xcom_pull(task_ids=task_id, key=key, map_indexes=map_index))
    return value


def other_xcom_at_once(dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> Json:
    """Return an XCom of any task instance, ``None`` if there is none; raises during an outage.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
        key: The key.
    """
    from airflow.sdk.execution_time.xcom import XCom

    value: Json = XCom.get_one(key=key, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    return value


# -- versions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DagOrigin:
    """What the running task's DAG was loaded from.

    Attributes:
        bundle: Name of the DAG bundle.
        is_pinned: Whether every task of the run has the same version of the bundle's files.
        version_id: Id of the version of the DAG that Airflow has made for the task.
    """

    bundle: str
    is_pinned: bool
    version_id: UUID


def dag_origin(context: Context) -> DagOrigin:
    """Return what the running task's DAG was loaded from.

    Inside ``dag.test()`` there is no bundle: all tasks have the one DAG object that the process has loaded.
    """
    ti: Any = context["ti"]
    bundle = getattr(ti, "bundle_instance", None)
    is_pinned = bundle is None or bundle.version is not None
    return DagOrigin("" if bundle is None else bundle.name, is_pinned, ti.dag_version_id)


# -- the states of tasks -----------------------------------------------------------------------------------------------


def task_states(dag_id: str, run_id: str, task_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the state of each task of a run that has a row; a mapped one's key is ``<task id>_<map index>``.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_ids: The tasks to ask for.
    """
    return ask_airflow(lambda: _task_states(dag_id, run_id, task_ids))


def _task_states(dag_id: str, run_id: str, task_ids: Sequence[str]) -> dict[str, str | None]:
    # Costs 100 ms outside a task.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    answer = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=list(task_ids), run_ids=[run_id])
    return dict(answer.get(run_id, {}))


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
    return ask_airflow(lambda: task_state_at_once(dag_id, run_id, task_id, map_index))


def task_state_at_once(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return what `task_state` returns, but raise during an outage."""
    key = task_id if map_index < 0 else f"{task_id}_{map_index}"  # the form of Airflow's answer
    return _task_states(dag_id, run_id, [task_id]).get(key, ABSENT)


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

    ask_airflow(
        lambda: upsert_hitl_detail(ti_id=ti_id, options=list(options), subject=subject, body=body, params=fields)
    )


def action_response(ti_id: UUID) -> JsonObject | None:
    """Return the response to the required action of a task instance; only a triggerer can ask for it.

    Returns:
        The response, with the members of the event by which Airflow itself resumes a task; ``None`` if there is none.

    Raises:
        airflow.sdk.exceptions.AirflowRuntimeError: There is no such action, or the API server does not tell.
    """
    from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail

    detail = get_hitl_detail_content_detail(ti_id=ti_id)
    if not detail.response_received:
        return None
    user = detail.responded_by_user
    return {
        "chosen_options": list(detail.chosen_options or []),
        "params_input": dict(detail.params_input or {}),
        "responded_by_user": None if user is None else {"id": user.id, "name": user.name},
    }


def start_dag_run(dag_id: str, run_id: str, conf: Mapping[str, Json]) -> bool:
    """Start a run of a DAG from a task; return whether there was no run of that id.

    Args:
        dag_id: The DAG; it may be that of another file.
        run_id: Id of the run.
        conf: Its configuration.

    Raises:
        AirflowRuntimeError: Airflow refused it: there is no such DAG, or a value does not fit its params.
    """
    from airflow.sdk.execution_time.comms import TriggerDagRun
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    answer = ask_airflow(lambda: SUPERVISOR_COMMS.send(TriggerDagRun(dag_id=dag_id, run_id=run_id, conf={**conf})))
    return getattr(answer, "error", None) is not ErrorType.DAGRUN_ALREADY_EXISTS


def api_server_url() -> str:
    """Return the address of the API server that this worker works for, without a slash at its end."""
    from airflow.sdk.configuration import conf

    # The default is that of Airflow's executors.
    base = str(conf.get("api", "base_url", fallback="") or "/")
    base = f"http://localhost:8080{base}" if base.startswith("/") else base
    url = str(conf.get("core", "execution_api_server_url", fallback="") or base)
    return url.rstrip("/").removesuffix("/execution").rstrip("/")


def without_secrets(value: Json, name: str = "") -> object:
    """Return a JSON value in which Airflow has masked what it takes for secrets.

    Args:
        value: The value.
        name: Its name; Airflow takes every text for a secret that has a name such as ``password``.
    """
    from airflow.sdk._shared.secrets_masker import redact

    return redact(value, name or None)


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
