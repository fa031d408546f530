"""Takes the answer to a callback: it becomes a row in Airflow's database, then the waiting task is resumed.

Runs in the API server, and wherever else Airflow's database can be reached.

The answer is a row under a unique key, so that the first one stays whatever happens at the same time. The row is the
truth for both ways of answering: `take_answer` writes it for a handler that has the token, `remember_people` makes
Airflow write it when a person answers the required action. Marking the required action as answered, and resuming the
task, happen in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_sm_pipelines.callbacks.attempts import TokenRecord, answer_key, token_key, trace_key
from airflow_sm_pipelines.callbacks.rules import (
    FAILURE,
    REASON,
    Answer,
    Reception,
    answer_of_person,
    digest_of,
    is_waiting,
    receive,
    require_usable,
)
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import OutputParametersError
from airflow_sm_pipelines.execution.records import RECORD_KEY, CallbackAttempt, as_stored, read_attempt, read_record
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from airflow_sm_pipelines.execution.airflow_internals.server import Response

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


# -- with a token ------------------------------------------------------------------------------------------------------


def take_answer(token: str, answer: Answer) -> Receipt:
    """Take an answer that came with a token, and resume the task that waits for it.

    Args:
        token: The token, as it came.
        answer: The answer.
    """
    from airflow_sm_pipelines.execution.airflow_internals.server import IntegrityError, database_session

    try:
        with database_session() as session:
            return _take(session, digest_of(token), answer)
    except IntegrityError:  # another answer came at the same time, and was the first
        with database_session() as session:
            return _take(session, digest_of(token), answer)


def step_of_token(token: str) -> str | None:
    """Return the name of the step that a token belongs to, ``None`` if there is no such token."""
    from airflow_sm_pipelines.execution.airflow_internals.server import database_session, find_task_of_key

    with database_session() as session:
        found = find_task_of_key(session, token_key(digest_of(token)))
    return None if found is None else read_record(TokenRecord, found[1]).step


def _take(session: Session, digest: str, answer: Answer) -> Receipt:
    from airflow_sm_pipelines.execution.airflow_internals import server

    found = server.find_task_of_key(session, token_key(digest))
    if found is None:
        arn = server.read_variable(session, trace_key(digest))
        return Receipt(Reception.UNKNOWN) if arn is None else Receipt(Reception.LATE, arn)
    row, token = found[0], read_record(TokenRecord, found[1])
    ti = server.lock_task(session, row)
    stored = server.stored_values(session, row, RECORD_KEY, answer_key(digest))
    earlier = stored.get(answer_key(digest))
    waiting = ti is not None and is_waiting(ti.state, ti.max_tries, _attempt(stored), digest)
    reception = receive(answer, None if earlier is None else read_record(Answer, earlier), waiting=waiting)
    if ti is not None and reception is Reception.TAKEN:
        server.add_value(session, row, answer_key(digest), as_stored(answer))
        fields: JsonObject = {REASON: answer.reason} if answer.outcome == FAILURE else dict(answer.outputs)
        server.answer_required_action(session, ti.id, user=_API_USER, option=answer.outcome, fields=fields)
        # A running process looks for the answer, or the next try. Too early after a deferral, the trigger does.
        server.wake(session, ti, {"answered": True}, timedelta(seconds=QUIET_SECONDS))
    return Receipt(reception, token.execution_arn, token.step)


def _attempt(stored: Mapping[str, object]) -> CallbackAttempt | None:
    attempt = read_attempt(stored.get(RECORD_KEY))
    return attempt if isinstance(attempt, CallbackAttempt) else None


# -- people ------------------------------------------------------------------------------------------------------------


def remember_people() -> None:
    """Make this process keep what people answer to the required actions of callbacks; once is enough.

    Airflow itself keeps the response with the try, and hands it only to a deferred task. A task that runs, or is
    between two tries, would never see it.
    """
    from airflow_sm_pipelines.execution.airflow_internals.server import call_on_response

    call_on_response(_keep_response)


def _keep_response(connection: Connection, response: Response) -> None:
    """Write the answer's row for a response that is being stored, or refuse it; in the same transaction."""
    from airflow_sm_pipelines.execution.airflow_internals import server

    if response.user.get("id") == _API_USER["id"]:
        return
    attempt = _attempt(server.stored_values(connection, response.row, RECORD_KEY))
    if attempt is None or not is_waiting(response.state, response.max_tries, attempt, attempt.digest):
        return  # the required action of another task, or of a callback that is over
    key, token = answer_key(attempt.digest), token_key(attempt.digest)
    stored = server.stored_values(connection, response.row, key, token)
    if key in stored:  # it came after Airflow had looked whether there is one
        server.refuse_response("The callback was answered a moment ago; the first answer counts.", is_late=True)
    answer = answer_of_person(response.options, response.fields, response.user)
    _require_outputs(answer, stored.get(token))
    server.add_value(connection, response.row, key, as_stored(answer))


def _require_outputs(answer: Answer, token: object) -> None:
    """Refuse the response of a person that the step could not use: nothing of it is stored, and the step waits on."""
    from airflow_sm_pipelines.execution.airflow_internals import server

    declared = None if token is None else read_record(TokenRecord, token).outputs
    if declared is None:
        return
    try:
        require_usable(declared, answer)
    except OutputParametersError as error:
        server.refuse_response(f"This is not what the step declares: {error}. The step still waits for an answer.")
