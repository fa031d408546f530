"""What reads and writes Airflow's database: the API server, ``sm-pipelines stop-orphans``, a rehearsal.

Importing this module takes seconds, so it is imported inside functions. There is no public interface by which a plugin
answers a task; tests pin what is used here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from airflow._shared.state import TaskScope
from airflow._shared.timezones import timezone
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger, handle_event_submit
from airflow.models.variable import Variable
from airflow.models.xcom import XComModel
from airflow.state import get_state_backend
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from fastapi import HTTPException, status
from sqlalchemy import delete, event, insert, inspect, select
from sqlalchemy.exc import IntegrityError

from airflow_sm_pipelines.definition.json_values import Json, JsonObject

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Mapper, Session

__all__ = [
    "IntegrityError",
    "Response",
    "TaskRow",
    "add_value",
    "add_variable",
    "answer_required_action",
    "call_on_response",
    "database_address",
    "database_session",
    "delete_variables",
    "find_task_of_key",
    "lock_task",
    "read_variable",
    "refuse_response",
    "replace_variable",
    "run_times",
    "started_with",
    "state_and_value",
    "stored_of_task",
    "stored_values",
    "wake",
]


@contextmanager
def database_session() -> Iterator[Session]:
    """Open a session of its own; it is committed at the end, or rolled back after an error."""
    with create_session(scoped=False) as session:
        yield session


def read_variable(session: Session, key: str) -> str | None:
    """Return the value of an Airflow variable that the database holds, ``None`` if there is none."""
    variable = session.scalar(select(Variable).where(Variable.key == key))
    return None if variable is None else str(variable.get_val())


def started_with(session: Session, dag_id: str, run_id: str | None) -> tuple[str, dict[str, Any]] | None:
    """Return the id of a DAG run and what it was started with; ``None`` if there is none.

    Args:
        session: A session.
        dag_id: The DAG.
        run_id: The run; ``None`` for the newest.
    """
    found = select(DagRun.run_id, DagRun.conf).where(DagRun.dag_id == dag_id)
    if run_id is not None:
        found = found.where(DagRun.run_id == run_id)
    run = session.execute(found.order_by(DagRun.run_after.desc(), DagRun.run_id.desc()).limit(1)).first()
    return None if run is None else (run.run_id, dict(run.conf or {}))


def database_address(session: Session) -> str:
    """Return where Airflow's database is: host, port and name, without credentials."""
    url = session.get_bind().engine.url
    return f"{url.host or ''}:{url.port or ''}/{url.database or ''}"


def add_variable(session: Session, key: str, value: str, description: str) -> None:
    """Add an Airflow variable.

    Raises:
        sqlalchemy.exc.IntegrityError: Another process has added it, when the session is flushed.
    """
    session.add(Variable(key=key, val=value, description=description))  # type: ignore[no-untyped-call]
    session.flush()


def replace_variable(session: Session, key: str, old: str, value: str) -> None:
    """Replace the value of an Airflow variable, unless another process has replaced it."""
    variable = session.scalar(select(Variable).where(Variable.key == key).with_for_update())
    if variable is not None and variable.get_val() == old:
        variable.set_val(value)


def run_times(session: Session, dag_id: str) -> Iterator[tuple[str, datetime]]:
    """Yield id and ``run_after`` of every run of a DAG, the newest first."""
    found = session.execute(
        select(DagRun.run_id, DagRun.run_after).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc())
    )
    for row in found.yield_per(1000):
        yield row.run_id, row.run_after


def delete_variables(session: Session, prefix: str) -> None:
    """Delete the Airflow variables whose keys begin with a text."""
    session.execute(delete(Variable).where(Variable.key.startswith(prefix, autoescape=True)))


# -- task instances and their state store ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskRow:
    """Where a task instance stands in Airflow's tables.

    Attributes:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
        dag_run_id: Key of the DAG run's row.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    dag_run_id: int

    def is_in(self, model: Any) -> tuple[Any, ...]:
        """Return the conditions that select this task instance's rows of a model."""
        return (
            model.dag_id == self.dag_id,
            model.run_id == self.run_id,
            model.task_id == self.task_id,
            model.map_index == self.map_index,
        )


def find_task_of_key(session: Session, key: str) -> tuple[TaskRow, Json] | None:
    """Return the task instance that has stored a value under a key, and the value; ``None`` if none has."""
    found = session.scalar(select(TaskStateStoreModel).where(TaskStateStoreModel.key == key).limit(1))
    if found is None:
        return None
    row = TaskRow(found.dag_id, found.run_id, found.task_id, found.map_index, found.dag_run_id)
    return row, json.loads(found.value)


def lock_task(session: Session, row: TaskRow) -> TaskInstance | None:
    """Return a task instance, locked until the session ends; ``None`` if its run was deleted.

    As in Airflow's own routes, the task is locked first and its required action after it.
    """
    ti_id = session.scalar(select(TaskInstance.id).where(*row.is_in(TaskInstance)))
    return session.get(TaskInstance, ti_id, with_for_update={"of": TaskInstance}) if ti_id else None


def stored_values(connection: Session | Connection, row: TaskRow, *keys: str) -> JsonObject:
    """Return the values that a task instance has stored, of those keys that exist."""
    store = TaskStateStoreModel
    found = connection.execute(select(store.key, store.value).where(*row.is_in(store), store.key.in_(keys)))
    return {key: json.loads(value) for key, value in found}


def add_value(connection: Session | Connection, row: TaskRow, key: str, value: Json) -> None:
    """Store a value under a new key of a task instance; it never expires.

    Raises:
        sqlalchemy.exc.IntegrityError: The key exists.
    """
    connection.execute(
        insert(TaskStateStoreModel).values(
            dag_run_id=row.dag_run_id,
            dag_id=row.dag_id,
            run_id=row.run_id,
            task_id=row.task_id,
            map_index=row.map_index,
            key=key,
            value=json.dumps(value),
            updated_at=timezone.utcnow(),
            expires_at=None,
        )
    )


def state_and_value(dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> tuple[str | None, Json] | None:
    """Return the state of a task instance and the value that it has stored under a key.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
        key: The key.

    Returns:
        State and value; the value is ``None`` if there is none. ``None`` if the task instance does not exist.
    """
    scope = TaskScope(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    row = TaskRow(dag_id, run_id, task_id, map_index, dag_run_id=0)
    with create_session() as session:
        found = session.execute(select(TaskInstance.state).where(*row.is_in(TaskInstance))).first()
        if found is None:
            return None
        stored = get_state_backend().get(scope, key, session=session)
    return found.state, None if stored is None else json.loads(stored)


def stored_of_task(
    dag_id: str, run_id: str, task_id: str, map_index: int, key: str, xcom_keys: Sequence[str]
) -> tuple[Json, JsonObject]:
    """Return what a task instance has stored and published.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
        key: Key of its state store; empty for none.
        xcom_keys: Keys of XComs.

    Returns:
        The stored value, ``None`` if there is none; and the XComs that exist, in the form that is in the database.
    """
    scope = TaskScope(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    row = TaskRow(dag_id, run_id, task_id, map_index, dag_run_id=0)
    with create_session(scoped=False) as session:
        stored = get_state_backend().get(scope, key, session=session) if key else None
        query = select(XComModel.key, XComModel.value).where(*row.is_in(XComModel), XComModel.key.in_(xcom_keys))
        published = {found.key: _plain(found.value) for found in session.execute(query)}
    return None if stored is None else json.loads(stored), published


def _plain(value: Any) -> Json:
    """Return the value of an XCom: Airflow stores it as JSON text, and a backend of the deployment as it likes."""
    try:
        plain: Json = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    return plain


# -- required actions --------------------------------------------------------------------------------------------------


def answer_required_action(
    session: Session, ti_id: UUID, *, user: Mapping[str, str], option: str, fields: JsonObject
) -> None:
    """Mark the required action of a task instance as answered, if there is one that is open.

    Args:
        session: A session in which the task instance is locked.
        ti_id: Id of the task instance.
        user: Who has answered: ``id`` and ``name``.
        option: The chosen option.
        fields: The fields of the form.
    """
    detail = session.scalar(select(HITLDetail).where(HITLDetail.ti_id == ti_id).with_for_update(of=HITLDetail))
    if detail is not None and not detail.response_received:
        detail.responded_by = dict(user)
        detail.responded_at = timezone.utcnow()
        detail.chosen_options = [option]
        detail.params_input = fields
        session.flush()


def wake(session: Session, ti: TaskInstance, payload: JsonObject, quiet: timedelta) -> bool:
    """Resume a deferred task as its trigger would, unless it was deferred only just now.

    Args:
        session: A session in which the task instance is locked.
        ti: The task instance.
        payload: The event's payload.
        quiet: How long after its deferral a task is not resumed.

    Returns:
        Whether it was resumed.
    """
    if ti.state != TaskInstanceState.DEFERRED:
        return False
    deferred_at = session.scalar(select(Trigger.created_date).where(Trigger.id == ti.trigger_id))
    if deferred_at is None or timezone.utcnow() - deferred_at < quiet:
        return False
    handle_event_submit(TriggerEvent(payload), task_instance=ti, session=session)  # type: ignore[no-untyped-call]
    return True


@dataclass(frozen=True, slots=True)
class Response:
    """What somebody has answered to a required action.

    Attributes:
        row: The task instance that asked.
        state: Its state.
        max_tries: Airflow's number of the same name.
        user: Who answered: ``id`` and ``name``.
        options: The chosen options.
        fields: The fields of the form.
    """

    row: TaskRow
    state: str | None
    max_tries: int
    user: Mapping[str, Any]
    options: list[str]
    fields: JsonObject


_listeners: list[Callable[[Connection, Response], None]] = []


def call_on_response(listener: Callable[[Connection, Response], None]) -> None:
    """Call a function, in this process, in the transaction that stores a response to a required action.

    Args:
        listener: Gets the transaction's connection and the response; it may call `refuse_response`. Registering it
            twice has no effect.
    """
    if listener not in _listeners:
        _listeners.append(listener)
    if not event.contains(HITLDetail, "after_update", _after_update):
        event.listen(HITLDetail, "after_update", _after_update)


def refuse_response(reason: str, *, is_late: bool = False) -> NoReturn:
    """End the transaction that stores a response: the required action stays as it was.

    Args:
        reason: What the client is told.
        is_late: Whether another answer was the first; the status is 409 then, as Airflow's own, else 400.

    Raises:
        HTTPException: Always; whoever stores the response is a route of Airflow's API server.
    """
    raise HTTPException(status.HTTP_409_CONFLICT if is_late else status.HTTP_400_BAD_REQUEST, reason)


def _after_update(mapper: Mapper[HITLDetail], connection: Connection, detail: HITLDetail) -> None:
    if detail.responded_at is None or not inspect(detail).attrs.responded_at.history.has_changes():
        return
    ti = TaskInstance
    found = connection.execute(
        select(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.state, ti.max_tries, DagRun.id.label("dag_run_id"))
        .join(DagRun, (DagRun.dag_id == ti.dag_id) & (DagRun.run_id == ti.run_id))
        .where(ti.id == detail.ti_id)
    ).first()
    if found is None:
        return
    response = Response(
        row=TaskRow(found.dag_id, found.run_id, found.task_id, found.map_index, found.dag_run_id),
        state=found.state,
        max_tries=found.max_tries,
        user=detail.responded_by or {},
        options=list(detail.chosen_options or []),
        fields=dict(detail.params_input or {}),
    )
    for listener in _listeners:
        listener(connection, response)
