"""Callback steps in a rehearsal: each message is sent, and answered at once in place of whoever would receive it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_sm_pipelines.callbacks.rules import Answer


def rehearsed_answer(outputs: Mapping[str, Json], outcome: Outcome | None) -> Answer:
    """Return the answer to the callback of a step.

    Args:
        outputs: Its outputs, each of the declared type.
        outcome: How it is to end; ``None`` for a success.
    """
    from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer  # loads Airflow and pydantic

    if outcome is not None and outcome.failure_reason is not None:
        return Answer(FAILURE, reason=outcome.failure_reason)
    return Answer(SUCCESS, outputs=outputs)


@contextmanager
def callbacks_answered(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """While this is entered, every callback message that this process sends is answered.

    Args:
        answers: `Answer` as plain JSON, by the name of the step; others succeed without outputs.
    """
    from airflow_sm_pipelines.aws.requests.messages import EXECUTING
    from airflow_sm_pipelines.callbacks.queue import CallbackMessage, also_received_by
    from airflow_sm_pipelines.callbacks.reception import step_of_token, take_answer
    from airflow_sm_pipelines.callbacks.rules import SUCCESS, Answer

    def answer_message(message: CallbackMessage, status: str) -> None:
        if status == EXECUTING:
            answer = answers.get(step_of_token(message.token) or "")
            take_answer(message.token, Answer(SUCCESS) if answer is None else Answer(**answer))

    with also_received_by(answer_message):
        yield
