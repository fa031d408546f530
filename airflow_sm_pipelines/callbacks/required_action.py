"""Airflow's own "required action" for a Callback step, so that a person can answer it in the UI or over REST.

Runs in the worker. `airflow_sm_pipelines.callbacks.reception` turns a person's response into the step's answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.callbacks.queue import CallbackMessage
from airflow_sm_pipelines.callbacks.rules import (
    FAILURE,
    REASON,
    SUCCESS,
    Answer,
    answer_of_person,
    declared_outputs,
    require_usable,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.errors import OutputParametersError
from airflow_sm_pipelines.execution.airflow_internals.worker import open_required_action, without_secrets

_JSON_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}


def ask_people(ti_id: UUID, step: Step, message: CallbackMessage) -> None:
    """Make the required action of a task instance, or open it again.

    Args:
        ti_id: Id of the task instance.
        step: The step.
        message: What is sent to the queue.
    """
    _open(ti_id, step, _body(step, message))


def _open(ti_id: UUID, step: Step, body: str) -> None:
    open_required_action(
        ti_id,
        options=[SUCCESS, FAILURE],
        subject=f"{step.display_name or step.name} waits for an answer",
        body=body,
        fields=answer_form(step),
    )


def usable_answer(event: Mapping[str, Json], ti_id: UUID, step: Step, log: Log) -> Answer | None:
    """Return the answer of a person that an event holds; if the step cannot use it, open the required action again.

    Args:
        event: What woke the task: Airflow's own event when somebody has responded, or the trigger's.
        ti_id: Id of the task instance.
        step: The step.
        log: The task's log; it says why an answer does not count.

    Returns:
        The answer, ``None`` if there is none that the step can use.
    """
    answer = _answer_in(event)
    if answer is None:
        return None
    try:
        require_usable(declared_outputs(step), answer)
    except OutputParametersError as error:
        _open(ti_id, step, "")  # Airflow keeps the action's text
        log.warning(
            "The answer of %s does not count, it is not what the step declares: %s. The required action is open again",
            answer.person,
            error,
        )
        return None
    return answer


def _answer_in(event: Mapping[str, Json]) -> Answer | None:
    options, form, user = (event.get(member) for member in ("chosen_options", "params_input", "responded_by_user"))
    if not isinstance(options, list) or not options:
        return None
    chosen = [str(option) for option in options]
    return answer_of_person(chosen, form if isinstance(form, dict) else {}, user if isinstance(user, dict) else {})


def answer_form(step: Step) -> dict[str, JsonObject]:
    """Return the fields of the form: one per declared output, and the reason of a failure.

    Airflow's form disables both options while a required field is empty, so that nobody could fail the step without
    making outputs up: no field is required, and `airflow_sm_pipelines.callbacks.reception` refuses what lacks one.
    """
    fields = {str(entry["OutputName"]): _output_field(entry) for entry in declared_outputs(step)}
    return {**fields, REASON: fields.get(REASON, _field("string", f"Why the step is to fail; for {FAILURE}."))}


def _output_field(entry: Mapping[str, Json]) -> JsonObject:
    json_type = _JSON_TYPES[str(entry.get("OutputType") or "String")]
    # Airflow's form shows a Boolean without a value as "off", and sends nothing for it.
    value = False if json_type == "boolean" else None
    return _field(json_type, f"Output of the step; needed for {SUCCESS}.", value)


def _field(json_type: str, description: str, value: Json = None) -> JsonObject:
    return {"value": value, "description": description, "schema": {"type": [json_type, "null"]}, "source": "task"}


def _body(step: Step, message: CallbackMessage) -> str:
    arguments = json.dumps(without_secrets(message.arguments), indent=2, ensure_ascii=False)
    lines = [
        f"A message about it is in the queue {message.queue_url}. Its recipient can answer, or you can, here.",
        f"{SUCCESS} needs every output. An answer without one is refused (Bad Request), and the step waits on.",
        f"Arguments:\n```json\n{arguments}\n```",
    ]
    return "\n\n".join([step.description, *lines] if step.description else lines)
