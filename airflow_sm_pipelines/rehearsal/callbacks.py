"""Callback steps in a rehearsal: each message is sent, and answered at once in place of whoever would receive it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_sm_pipelines.callbacks.rules import Answer


def planned_answer(outputs: Mapping[str, Json], outcome: Outcome | None) -> JsonObject:
    """Return what the callback of a step is to be answered, as JSON for the process that runs Airflow.

    Args:
        outputs: Its outputs, each of the declared type.
        outcome: How it is to end; ``None`` for a success.
    """
    return {"outputs": dict(outputs), "failure_reason": outcome.failure_reason if outcome else None}


def answer_of(planned: JsonObject) -> Answer:
    """Return a planned answer; runs in the process that runs Airflow."""
    from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer  # loads Airflow

    reason, outputs = planned["failure_reason"], planned["outputs"]
    if reason is not None:
        return Answer(FAILURE, reason=str(reason))
    return Answer(SUCCESS, outputs=outputs if isinstance(outputs, dict) else {})


@contextmanager
def callbacks_answered(answers: Mapping[str, JsonObject]) -> Iterator[None]:
    """While this is entered, every callback message that this process sends is answered.

    Args:
        answers: What `planned_answer` returns, by the name of the step; other steps succeed without outputs.
    """
    from airflow_sm_pipelines.aws.requests.messages import EXECUTING
    from airflow_sm_pipelines.callbacks.queue import CallbackMessage, also_received_by
    from airflow_sm_pipelines.callbacks.reception import step_of_token, take_answer

    def answer_message(message: CallbackMessage, status: str) -> None:
        if status == EXECUTING:
            planned = answers.get(step_of_token(message.token) or "")
            take_answer(message.token, answer_of(planned or planned_answer({}, None)))

    with also_received_by(answer_message):
        yield
