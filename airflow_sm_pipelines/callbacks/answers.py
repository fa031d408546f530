"""Taking the answer to a callback: a row in Airflow's database first, then the waiting task is woken.

Runs in the API server, and wherever else Airflow's database can be reached. It uses Airflow's own models: there is no
public interface by which a plugin answers a task. Tests pin what is used.

The answer is a row under a unique key, so that the first one stays whatever happens at the same time. The row is the
truth for both ways of answering: `take_answer` writes it for whoever has the token, `remember_people` makes Airflow
write it when somebody answers the required action. Marking the required action as answered, and waking the task, are
done in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_sm_pipelines.callbacks.attempts import answer_key, token_key, trace_key
from airflow_sm_pipelines.callbacks.rules import (
    FAILURE,
    REASON,
    Answer,
    Reception,
    answer_of_person,
    digest_of,
    is_waiting,
    receive,
)
from airflow_sm_pipelines.execution.attempts import RECORD_KEY
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS

_API_USER = {"id": "sm_pipelines_callback", "name": "the callback's token"}
"""Who has answered a required action, for Airflow, when it was answered with the token."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an answer.

    Attributes:
        reception: What became of it.
        execution_arn: The execution that the token belongs to; empty if there is no such token.
        step: The step that asked; empty likewise, and if its run was deleted.
    """

    reception: Reception
    execution_arn: str = ""
    step: str = ""


def take_answer(token: str, answer: Answer) -> Receipt:
    """Take an answer that came with a token, and wake the task that waits for it.

    Args:
        token: The token, as it came.
        answer: The answer.
    """
    from airflow.utils.session import create_session  # noqa: PLC0415 - the server side of Airflow takes seconds
    from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

    try:
        with create_session(scoped=False) as session:
            return _take(session, digest_of(token), answer)
    except IntegrityError:  # another answer came at the same time, and was the first
        with create_session(scoped=False) as session:
            return _take(session, digest_of(token), answer)


def step_of_token(token: str) -> str | None:
    """Return the name of the step that a token belongs to, ``None`` if there is no such token."""
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session(scoped=False) as session:
        row = _row_of_token(session, digest_of(token))
        return None if row is None else _read(row)[1]


def _take(session: Any, digest: str, answer: Answer) -> Receipt:
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    row = _row_of_token(session, digest)
    if row is None:
        return _receipt_without_run(session, digest)
    ti_id = session.scalar(select(TaskInstance.id).where(*_same_task(TaskInstance, row)))
    # Locked as Airflow's own routes do: the task first, its required action after it.
    ti = session.get(TaskInstance, ti_id, with_for_update={"of": TaskInstance}) if ti_id else None
    stored = _stored(session, row, RECORD_KEY, answer_key(digest))
    earlier = stored.get(answer_key(digest))
    waiting = ti is not None and is_waiting(ti.state, ti.max_tries, stored.get(RECORD_KEY), digest)
    reception = receive(answer, None if earlier is None else Answer(**earlier), waiting=waiting)
    if reception is Reception.TAKEN:
        session.add(_answer_row(row, digest, answer))
        session.flush()
        _wake(session, ti, answer)
    return Receipt(reception, *_read(row))


def _read(row: Any) -> tuple[str, str]:
    """Return execution and step of a token's row."""
    value = json.loads(row.value)
    return str(value["pipelineExecutionArn"]), str(value["step"])


def _receipt_without_run(session: Any, digest: str) -> Receipt:
    from airflow.models.variable import Variable  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    trace = session.scalar(select(Variable).where(Variable.key == trace_key(digest)))
    return Receipt(Reception.UNKNOWN) if trace is None else Receipt(Reception.LATE, str(trace.get_val()))


def _row_of_token(session: Any, digest: str) -> Any:
    from airflow.models.task_state_store import TaskStateStoreModel  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    return session.scalar(select(TaskStateStoreModel).where(TaskStateStoreModel.key == token_key(digest)).limit(1))


def _same_task(model: Any, row: Any) -> tuple[Any, ...]:
    return (
        model.dag_id == row.dag_id,
        model.run_id == row.run_id,
        model.task_id == row.task_id,
        model.map_index == row.map_index,
    )


def _stored(connection: Any, row: Any, *keys: str) -> dict[str, Any]:
    """Return the values of a task's keys that exist; ``connection`` is a session or a connection."""
    from airflow.models.task_state_store import TaskStateStoreModel as Store  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    found = connection.execute(select(Store.key, Store.value).where(*_same_task(Store, row), Store.key.in_(keys)))
    return {key: json.loads(value) for key, value in found}


def _answer_values(row: Any, digest: str, answer: Answer) -> dict[str, Any]:
    from airflow._shared.timezones import timezone  # noqa: PLC0415

    return {
        "dag_run_id": row.dag_run_id,
        "dag_id": row.dag_id,
        "run_id": row.run_id,
        "task_id": row.task_id,
        "map_index": row.map_index,
        "key": answer_key(digest),
        "value": json.dumps(answer.as_json()),
        "updated_at": timezone.utcnow(),
        "expires_at": None,
    }


def _answer_row(row: Any, digest: str, answer: Answer) -> Any:
    from airflow.models.task_state_store import TaskStateStoreModel  # noqa: PLC0415

    return TaskStateStoreModel(**_answer_values(row, digest, answer))


def _wake(session: Any, ti: Any, answer: Answer) -> None:
    """Mark the task's required action as answered, and resume the task if it may be resumed now."""
    from airflow._shared.timezones import timezone  # noqa: PLC0415
    from airflow.models.hitl import HITLDetail  # noqa: PLC0415
    from airflow.models.trigger import Trigger, handle_event_submit  # noqa: PLC0415
    from airflow.triggers.base import TriggerEvent  # noqa: PLC0415
    from airflow.utils.state import TaskInstanceState  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    detail = session.scalar(select(HITLDetail).where(HITLDetail.ti_id == ti.id).with_for_update(of=HITLDetail))
    if detail is not None and not detail.response_received:
        detail.responded_by = dict(_API_USER)
        detail.responded_at = timezone.utcnow()
        detail.chosen_options = [answer.outcome]
        detail.params_input = {REASON: answer.reason} if answer.outcome == FAILURE else dict(answer.outputs)
        session.flush()
    if ti.state != TaskInstanceState.DEFERRED:
        return  # the running process looks for the answer, or the next try
    parked_at = session.scalar(select(Trigger.created_date).where(Trigger.id == ti.trigger_id))
    if parked_at is None or timezone.utcnow() - parked_at < timedelta(seconds=QUIET_SECONDS):
        return  # too early (see QUIET_SECONDS); the trigger looks when it is not
    handle_event_submit(TriggerEvent({"answered": True}), task_instance=ti, session=session)  # type: ignore[no-untyped-call]


# -- people ------------------------------------------------------------------------------------------------------------


def remember_people() -> None:
    """Make this process keep what people answer to the required actions of callbacks; once is enough.

    Airflow itself keeps the response with the try, and hands it only to a task that is parked. A task that runs, or is
    between two tries, would never see it.
    """
    from airflow.models.hitl import HITLDetail  # noqa: PLC0415
    from sqlalchemy import event  # noqa: PLC0415

    if not event.contains(HITLDetail, "after_update", _keep_response):
        event.listen(HITLDetail, "after_update", _keep_response)


def _keep_response(mapper: Any, connection: Any, detail: Any) -> None:
    """Write the answer row for a response that is being stored; in the same transaction."""
    from airflow.models.dagrun import DagRun  # noqa: PLC0415
    from airflow.models.task_state_store import TaskStateStoreModel  # noqa: PLC0415
    from airflow.models.taskinstance import TaskInstance as Ti  # noqa: PLC0415
    from sqlalchemy import insert, inspect, select  # noqa: PLC0415

    responder: Mapping[str, Any] = detail.responded_by or {}
    if detail.responded_at is None or responder.get("id") == _API_USER["id"]:
        return
    if not inspect(detail).attrs.responded_at.history.has_changes():
        return
    row = connection.execute(
        select(Ti.dag_id, Ti.run_id, Ti.task_id, Ti.map_index, Ti.state, Ti.max_tries, DagRun.id.label("dag_run_id"))
        .join(DagRun, (DagRun.dag_id == Ti.dag_id) & (DagRun.run_id == Ti.run_id))
        .where(Ti.id == detail.ti_id)
    ).first()
    record = _stored(connection, row, RECORD_KEY).get(RECORD_KEY) if row is not None else None
    digest = record.get("digest") if isinstance(record, dict) else None
    if digest is None or not is_waiting(row.state, row.max_tries, record, digest):
        return  # the required action of another task, or of a callback that is over
    if _stored(connection, row, answer_key(digest)):
        return  # the first answer stays
    answer = answer_of_person((detail.chosen_options or [""])[0], detail.params_input or {}, _name_of(responder))
    connection.execute(insert(TaskStateStoreModel).values(**_answer_values(row, digest, answer)))


def _name_of(responder: Mapping[str, Any]) -> str:
    return str(responder.get("name") or responder.get("id") or "somebody")
