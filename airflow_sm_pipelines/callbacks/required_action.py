"""Airflow's own "required action" for a Callback step, so that a person can answer it in the UI or over REST.

Runs in the worker. What Airflow itself makes of the answer is in `airflow_sm_pipelines.callbacks.answers`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.callbacks.queue import CallbackMessage
from airflow_sm_pipelines.callbacks.rules import FAILURE, REASON, SUCCESS
from airflow_sm_pipelines.definition.models import Step

_JSON_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}


def ask_people(ti_id: Any, step: Step, message: CallbackMessage) -> None:
    """Make the required action of a task instance, or open it again.

    Args:
        ti_id: Id of the task instance.
        step: The step.
        message: What is sent to the queue.
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail  # noqa: PLC0415 - only tasks get here

    upsert_hitl_detail(
        ti_id=ti_id,
        options=[SUCCESS, FAILURE],
        subject=f"{step.display_name or step.name} waits for an answer",
        body=_body(step, message),
        params=answer_form(step),
    )


def answer_form(step: Step) -> dict[str, dict[str, Any]]:
    """Return the fields of the form: one per declared output, none of them required, and the reason of a failure."""
    declared: list[Mapping[str, Any]] = step.members.get("OutputParameters") or []  # type: ignore[assignment]
    fields = {
        str(entry["OutputName"]): _field(
            _JSON_TYPES[str(entry.get("OutputType") or "String")], f"Output of the step; needed for {SUCCESS}."
        )
        for entry in declared
    }
    return {**fields, REASON: fields.get(REASON, _field("string", f"Why the step is to fail; for {FAILURE}."))}


def _field(json_type: str, description: str) -> dict[str, Any]:
    return {"value": None, "description": description, "schema": {"type": [json_type, "null"]}, "source": "task"}


def _body(step: Step, message: CallbackMessage) -> str:
    from airflow.sdk._shared.secrets_masker import redact  # noqa: PLC0415

    arguments = json.dumps(redact(message.arguments), indent=2, ensure_ascii=False)
    lines = [
        f"A message for it is in the queue {message.queue_url}. Whoever works on that can answer, or you, here.",
        f"Arguments:\n```json\n{arguments}\n```",
    ]
    return "\n\n".join([step.description, *lines] if step.description else lines)
