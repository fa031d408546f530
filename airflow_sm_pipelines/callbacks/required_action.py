"""Airflow's own "required action" for a Callback step, so that a person can answer it in the UI or over REST.

Runs in the worker. `airflow_sm_pipelines.callbacks.reception` turns a person's response into the step's answer.
"""

from __future__ import annotations

import json
from uuid import UUID

from airflow_sm_pipelines.callbacks.queue import CallbackMessage
from airflow_sm_pipelines.callbacks.rules import FAILURE, REASON, SUCCESS, declared_outputs
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.execution.airflow_internals.worker import open_required_action, without_secrets

_JSON_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}


def ask_people(ti_id: UUID, step: Step, message: CallbackMessage) -> None:
    """Make the required action of a task instance, or open it again.

    Args:
        ti_id: Id of the task instance.
        step: The step.
        message: What is sent to the queue.
    """
    open_required_action(
        ti_id,
        options=[SUCCESS, FAILURE],
        subject=f"{step.display_name or step.name} waits for an answer",
        body=_body(step, message),
        fields=answer_form(step),
    )


def answer_form(step: Step) -> dict[str, JsonObject]:
    """Return the fields of the form: one per declared output, none of them required, and the reason of a failure."""
    fields = {
        str(entry["OutputName"]): _field(
            _JSON_TYPES[str(entry.get("OutputType") or "String")], f"Output of the step; needed for {SUCCESS}."
        )
        for entry in declared_outputs(step)
    }
    return {**fields, REASON: fields.get(REASON, _field("string", f"Why the step is to fail; for {FAILURE}."))}


def _field(json_type: str, description: str) -> JsonObject:
    return {"value": None, "description": description, "schema": {"type": [json_type, "null"]}, "source": "task"}


def _body(step: Step, message: CallbackMessage) -> str:
    arguments = json.dumps(without_secrets(message.arguments), indent=2, ensure_ascii=False)
    lines = [
        f"A message about it is in the queue {message.queue_url}. Its recipient can answer, or you can, here.",
        f"Arguments:\n```json\n{arguments}\n```",
    ]
    return "\n\n".join([step.description, *lines] if step.description else lines)
