"""The rules of a Callback step's token and of the answers to it, as pure functions.

A token is a capability: whoever holds it may answer the step. It has the form that the API demands (botocore,
``CallbackToken``: 10 letters and digits), 62**10 or about 2**59 possibilities, and only its digest is ever looked up.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import Enum

from pydantic import JsonValue
from pydantic.dataclasses import dataclass

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.errors import OutputParametersError
from airflow_sm_pipelines.execution.records import STORED, CallbackAttempt, as_stored
from airflow_sm_pipelines.semantics.output_parameters import typed_outputs

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 10

SUCCESS = "Success"
FAILURE = "Failure"

REASON = "FailureReason"
"""The field of the required action's form that holds the reason of a failure."""

_OVER = frozenset({"success", "failed", "skipped", "removed", "upstream_failed"})


# -- the token ---------------------------------------------------------------------------------------------------------


def new_callback_token() -> str:
    """Return a random token."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def digest_of(token: str) -> str:
    """Return the digest under which a token is known: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


# -- the answer --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=STORED)
class Answer:
    """The answer to a callback.

    Attributes:
        outcome: `SUCCESS` or `FAILURE`.
        outputs: Value of each output by name; text if it came through the API, any JSON if a person gave it.
        reason: Why the step is to fail; empty if no reason is given.
        person: Who answered in Airflow; empty if the answer came with the token.
    """

    outcome: str
    outputs: Mapping[str, JsonValue] = field(default_factory=dict)
    reason: str = ""
    person: str = ""

    def as_json(self) -> JsonObject:
        """Return the answer as the JSON value to store."""
        return as_stored(self)

    def says_the_same_as(self, other: Answer) -> bool:
        """Tell whether two answers are the same, whoever gave them; the API has a value as text, a person as JSON."""
        return (self.outcome, self.reason) == (other.outcome, other.reason) and self._texts() == other._texts()

    def _texts(self) -> dict[str, str]:
        return {name: held if isinstance(held, str) else json.dumps(held) for name, held in self.outputs.items()}


def answer_of_person(options: Sequence[str], form: Mapping[str, Json], user: Mapping[str, Json]) -> Answer:
    """Return the answer that somebody gave by Airflow's required action.

    Args:
        options: The chosen options: `SUCCESS` or `FAILURE`.
        form: The fields of the form; those left empty are null.
        user: Who answered: ``id`` and ``name``.
    """
    person = str(user.get("name") or user.get("id") or "somebody")
    filled = {name: value for name, value in form.items() if value is not None}
    if FAILURE in options:
        return Answer(FAILURE, reason=str(filled.get(REASON, "")), person=person)
    return Answer(SUCCESS, outputs=filled, person=person)


def declared_outputs(step: Step) -> list[JsonObject]:
    """Return the ``OutputParameters`` of a Callback step: ``{"OutputName": …, "OutputType": …}`` each."""
    declared = step.members.get("OutputParameters")
    return [entry for entry in declared if isinstance(entry, dict)] if isinstance(declared, list) else []


def answered_outputs(declared: Sequence[Mapping[str, Json]], answer: Answer) -> JsonObject:
    """Return the outputs of a success, each of its declared type.

    Args:
        declared: The step's ``OutputParameters``.
        answer: The answer.

    Raises:
        OutputParametersError: An output is missing, of another type, or not declared. Only a person's form may have
            the field `REASON` beside the outputs.
    """
    names = [str(entry["OutputName"]) for entry in declared]
    allowed = {*names, REASON} if answer.person else set(names)
    undeclared = [name for name in answer.outputs if name not in allowed]
    if undeclared:
        raise OutputParametersError(
            f"it has {list_names(undeclared)}, and the step declares {list_names(names) or 'no outputs'}"
        )
    return typed_outputs(declared, answer.outputs)


def require_usable(declared: Sequence[Mapping[str, Json]], answer: Answer) -> None:
    """Refuse a success that the step could not use.

    Args:
        declared: The step's ``OutputParameters``.
        answer: The answer.

    Raises:
        OutputParametersError: As `answered_outputs` does.
    """
    if answer.outcome == SUCCESS:
        answered_outputs(declared, answer)


# -- its reception -----------------------------------------------------------------------------------------------------


class Reception(Enum):
    """What becomes of an answer that came with a token.

    Attributes:
        TAKEN: It is the step's answer.
        SAME: The step was given this very answer before.
        CONFLICT: The step was given another answer before.
        LATE: The step no longer waits for it; nothing changes.
        UNKNOWN: There is no such token.
    """

    TAKEN = "taken"
    SAME = "same"
    CONFLICT = "conflict"
    LATE = "late"
    UNKNOWN = "unknown"


def receive(answer: Answer, earlier: Answer | None, *, waiting: bool) -> Reception:
    """Decide about an answer to a token that exists.

    Args:
        answer: The answer.
        earlier: The answer that was taken before, if there was one.
        waiting: Whether the attempt that drew the token still waits for an answer.
    """
    if earlier is not None:
        return Reception.SAME if answer.says_the_same_as(earlier) else Reception.CONFLICT
    return Reception.TAKEN if waiting else Reception.LATE


def is_waiting(state: str | None, max_tries: int, attempt: CallbackAttempt | None, digest: str) -> bool:
    """Tell whether a task still waits for the answer to a token.

    Args:
        state: State of the task instance.
        max_tries: Airflow's number of the same name, which only a clear changes.
        attempt: The task's last attempt, ``None`` if there is none.
        digest: Digest of the token.
    """
    return (
        attempt is not None
        and attempt.digest == digest
        and not attempt.closed
        and attempt.epoch.max_tries == max_tries
        and state not in _OVER
    )
