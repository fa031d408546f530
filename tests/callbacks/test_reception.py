"""Taking answers: against Airflow's own tables and code, in a database in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks.attempts import answer_key, token_key, trace_key
from airflow_sm_pipelines.callbacks.reception import Receipt, remember_people, step_of_token, take_answer
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer, Reception, digest_of
from airflow_sm_pipelines.execution.records import RECORD_KEY, as_stored
from tests.airflow_database import DIGEST, TOKEN, Database

# SQLAlchemy and Airflow warn of what Airflow itself uses.
pytestmark = pytest.mark.filterwarnings("default")

ARN = "arn:aws:sagemaker:us-east-2:123456789012:pipeline/Pipe/execution/abcdef012345"
GOOD = Answer(SUCCESS, {"rows": "12"})


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    from airflow_sm_pipelines.execution.airflow_internals import server

    database = Database()
    monkeypatch.setattr(server, "create_session", database.session)
    database.record()
    database.put(token_key(DIGEST), {"pipelineExecutionArn": ARN, "step": "Ask"})
    return database


def test_an_answer_is_a_row_and_wakes_the_parked_task(database: Database) -> None:
    assert take_answer(TOKEN, GOOD) == Receipt(Reception.TAKEN, ARN, "Ask")
    assert Answer(**database.answer()) == GOOD
    ti, detail = database.ti(), database.detail()
    assert ti.state == "scheduled"
    assert ti.trigger_id is None
    assert "answered" in json.dumps(ti.next_kwargs)
    assert detail.response_received
    assert detail.responded_by["id"] == "sm_pipelines_callback"
    assert (detail.chosen_options, detail.params_input) == ([SUCCESS], {"rows": "12"})


def test_within_the_first_seconds_the_trigger_wakes_the_task(database: Database) -> None:
    database.set(database.trigger, created_date=datetime.now(UTC) - timedelta(seconds=5))
    assert take_answer(TOKEN, GOOD).reception is Reception.TAKEN
    assert database.ti().state == "deferred"
    assert database.detail().response_received, "what the trigger looks at"


@pytest.mark.parametrize("state", ["running", "up_for_retry", "queued", None])
def test_an_answer_to_a_task_that_is_not_parked_only_waits(database: Database, state: str | None) -> None:
    database.set(database.task, state=state, trigger_id=None)
    assert take_answer(TOKEN, GOOD).reception is Reception.TAKEN
    assert database.answer() is not None
    assert database.ti().state == state


def test_the_first_answer_stays(database: Database) -> None:
    take_answer(TOKEN, GOOD)
    assert take_answer(TOKEN, GOOD) == Receipt(Reception.SAME, ARN, "Ask")
    assert take_answer(TOKEN, Answer(FAILURE, reason="no")).reception is Reception.CONFLICT
    assert Answer(**database.answer()) == GOOD


def test_rows_that_a_newer_version_has_written_are_read(database: Database) -> None:
    """A downgrade leaves them; what this version does not know of them is left out."""
    database.record(added_later=1)
    database.put(token_key(DIGEST), {"pipelineExecutionArn": ARN, "step": "Ask", "added_later": 1})
    database.put(answer_key(DIGEST), {**GOOD.as_json(), "added_later": 1})

    assert take_answer(TOKEN, GOOD) == Receipt(Reception.SAME, ARN, "Ask")
    assert step_of_token(TOKEN) == "Ask"


def test_an_answer_that_came_in_between_is_the_first(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process answers after this one has looked, and before it writes."""
    from airflow_sm_pipelines.execution.airflow_internals import server

    stored, looks = server.stored_values, []

    def too_early(*arguments: Any) -> dict[str, Any]:
        found = stored(*arguments)
        looks.append(found)
        if len(looks) == 1:
            database.put(answer_key(DIGEST), Answer(FAILURE, reason="first").as_json())
        return found

    monkeypatch.setattr(server, "stored_values", too_early)
    assert take_answer(TOKEN, GOOD).reception is Reception.CONFLICT
    assert database.answer()["reason"] == "first"
    assert database.ti().state == "deferred"


@pytest.mark.parametrize("end", ["cleared", "ended", "closed", "another token", "no record", "task removed"])
def test_a_late_answer_changes_nothing(database: Database, end: str) -> None:
    from sqlalchemy import delete

    if end == "cleared":
        database.set(database.task, max_tries=9)
    elif end == "ended":
        database.set(database.task, state="failed")
    elif end == "closed":
        database.record(closed=True)
    elif end == "another token":
        database.record(digest="other")
    else:
        model = database.store if end == "no record" else database.task
        key = {"key": RECORD_KEY} if end == "no record" else {"task_id": "Ask"}
        with database.session() as session:
            session.execute(delete(model).filter_by(**key))
    before = None if end == "task removed" else database.ti().state
    assert take_answer(TOKEN, GOOD) == Receipt(Reception.LATE, ARN, "Ask")
    assert database.answer() is None
    assert end == "task removed" or database.ti().state == before


def test_an_unknown_token(database: Database) -> None:
    assert take_answer("0123456789", GOOD) == Receipt(Reception.UNKNOWN)
    assert step_of_token("0123456789") is None
    assert step_of_token(TOKEN) == "Ask"


def test_the_token_of_a_deleted_run_is_known_by_its_trace(database: Database) -> None:
    from airflow.models.variable import Variable

    with database.session() as session:
        session.add(Variable(key=trace_key(digest_of("0123456789")), val=ARN))
    assert take_answer("0123456789", GOOD) == Receipt(Reception.LATE, ARN)


# -- people ------------------------------------------------------------------------------------------------------------


def respond(database: Database, *options: str, **form: Any) -> None:
    """Answer by Airflow's own route."""
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail

    user: Any = SimpleNamespace(get_id=lambda: 7, get_name=lambda: "Ada")
    payload = UpdateHITLDetailPayload(chosen_options=list(options), params_input=form)
    with database.session() as session:
        update_hitl_detail("dag", "run", "Ask", payload, user, session, -1)


@pytest.mark.parametrize("state", ["deferred", "running", "up_for_retry"])
def test_what_a_person_answers_is_the_same_row(database: Database, state: str) -> None:
    remember_people()
    remember_people()  # once is enough, twice does no harm
    database.set(database.task, state=state)
    respond(database, SUCCESS, rows=12, FailureReason=None)
    assert Answer(**database.answer()) == Answer(SUCCESS, {"rows": 12}, person="Ada")
    assert database.ti().state == ("scheduled" if state == "deferred" else state)
    assert take_answer(TOKEN, GOOD).reception is Reception.SAME
    assert take_answer(TOKEN, Answer(SUCCESS)).reception is Reception.CONFLICT


DECLARED = [{"OutputName": "rows", "OutputType": "Integer"}, {"OutputName": "ok", "OutputType": "Boolean"}]


@pytest.mark.parametrize("state", ["deferred", "running"])
@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({}, "the declared outputs 'rows', 'ok' were not returned"),
        ({"rows": None, "ok": None, "FailureReason": None}, "'rows', 'ok' were not returned"),
        ({"rows": 12, "ok": None}, "the declared output 'ok' was not returned"),
        ({"rows": "a dozen", "ok": True}, "'rows' is declared as Integer"),
        ({"rows": 12, "ok": True, "row": 1}, "it has 'row'"),
    ],
)
def test_a_response_that_the_step_could_not_use_is_refused_and_the_action_stays_open(
    database: Database, state: str, form: dict[str, Any], complaint: str
) -> None:
    from fastapi import HTTPException

    remember_people()
    database.put(token_key(DIGEST), {"pipelineExecutionArn": ARN, "step": "Ask", "outputs": DECLARED})
    database.set(database.task, state=state)
    with pytest.raises(HTTPException, match="The step still waits for an answer") as caught:
        respond(database, SUCCESS, **form)
    assert caught.value.status_code == 400
    assert complaint in str(caught.value.detail)
    assert database.answer() is None
    assert not database.detail().response_received
    assert database.ti().state == state

    respond(database, SUCCESS, rows=12, ok=False, FailureReason=None)
    assert database.answer()["outputs"] == {"rows": 12, "ok": False}


def test_a_person_fails_the_step_without_its_outputs(database: Database) -> None:
    remember_people()
    database.put(token_key(DIGEST), {"pipelineExecutionArn": ARN, "step": "Ask", "outputs": DECLARED})
    respond(database, FAILURE, rows=None, ok=False, FailureReason="no")
    assert Answer(**database.answer()) == Answer(FAILURE, reason="no", person="Ada")


def test_a_person_who_answers_after_a_handler_is_told_so(database: Database) -> None:
    from fastapi import HTTPException

    remember_people()
    take_answer(TOKEN, GOOD)
    with pytest.raises(HTTPException) as caught:
        respond(database, FAILURE, FailureReason="no")
    assert caught.value.status_code == 409
    assert Answer(**database.answer()) == GOOD


def test_a_person_who_answers_at_the_same_moment_as_a_handler_is_told_so(database: Database) -> None:
    """The handler's answer is stored between Airflow's look at the required action and its update."""
    from fastapi import HTTPException

    remember_people()
    database.put(answer_key(DIGEST), as_stored(GOOD))
    with pytest.raises(HTTPException, match="the first answer counts") as caught:
        respond(database, SUCCESS, rows=99)
    assert caught.value.status_code == 409
    assert Answer(**database.answer()) == GOOD
    assert not database.detail().response_received


def test_a_late_answer_of_a_person_changes_nothing(database: Database) -> None:
    remember_people()
    database.set(database.task, state="failed")
    respond(database, SUCCESS, rows=12)
    assert database.answer() is None


def test_required_actions_of_other_tasks_are_left_alone(database: Database) -> None:
    remember_people()
    database.put(RECORD_KEY, {"epoch": "4/4", "token": "t", "name": "job"})
    respond(database, SUCCESS)
    assert database.answer() is None
