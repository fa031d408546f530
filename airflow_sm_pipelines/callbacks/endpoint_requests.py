"""The two operations of SageMaker's API that answer a Callback step, as they come over the wire (AWS JSON 1.1).

Shapes and limits are those of botocore's service model; signatures are not checked, the token is the only guard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer
from airflow_sm_pipelines.errors import SageMakerPipelinesError

MOST_BYTES = 512 * 1024
"""Longest body: 50 outputs of the longest name and value, escaped, are less."""

_TOKEN = re.compile(r"[a-zA-Z0-9]{10}")
_MOST_OUTPUTS = 50
_LONGEST_NAME = 256
_LONGEST_VALUE = 1024
_LONGEST_REASON = 256


class RefusedRequestError(SageMakerPipelinesError):
    """The request is not one that this API takes.

    Args:
        code: The error's code in AWS's terms.
        message: What is wrong.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(code, message)


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """An answer and the token with which it came."""

    token: str
    answer: Answer


def read_request(target: str, body: bytes) -> CallbackRequest:
    """Return what a request says.

    Args:
        target: The header ``X-Amz-Target``.
        body: The body.

    Raises:
        RefusedRequestError: It is no such operation, no JSON, or does not fit the shapes.
    """
    read = _OPERATIONS.get(target.rpartition(".")[2])
    if read is None:
        raise RefusedRequestError(
            "UnknownOperationException", f"this endpoint takes {' and '.join(_OPERATIONS)} only, not {target!r}"
        )
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:  # the latter: nested too deep
        raise RefusedRequestError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise RefusedRequestError("SerializationException", "the body is not a JSON object")
    token = members.get("CallbackToken")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _invalid("CallbackToken must be 10 letters and digits")
    return CallbackRequest(token, read(members))


def _success(members: Mapping[str, Any]) -> Answer:
    entries = members.get("OutputParameters")
    entries = [] if entries is None else entries
    if not isinstance(entries, list) or len(entries) > _MOST_OUTPUTS:
        raise _invalid(f"OutputParameters must be a list of at most {_MOST_OUTPUTS} entries")
    outputs: dict[str, str] = {}
    for index, entry in enumerate(entries):
        name, value = (entry.get("Name"), entry.get("Value")) if isinstance(entry, dict) else (None, None)
        if not _is_text(name, _LONGEST_NAME) or not _is_text(value, _LONGEST_VALUE):
            raise _invalid(
                f"OutputParameters[{index}] must have a Name of at most {_LONGEST_NAME} and a Value of at most "
                f"{_LONGEST_VALUE} characters, both strings"
            )
        if name in outputs:
            raise _invalid(f"OutputParameters[{index}]: {name!r} is there twice")
        outputs[str(name)] = str(value)
    return Answer(SUCCESS, outputs=outputs)


def _failure(members: Mapping[str, Any]) -> Answer:
    reason = members.get("FailureReason")
    reason = "" if reason is None else reason
    if not _is_text(reason, _LONGEST_REASON):
        raise _invalid(f"FailureReason must be a string of at most {_LONGEST_REASON} characters")
    return Answer(FAILURE, reason=reason)


_OPERATIONS: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
    "SendPipelineExecutionStepSuccess": _success,
    "SendPipelineExecutionStepFailure": _failure,
}


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest


def _invalid(message: str) -> RefusedRequestError:
    return RefusedRequestError("ValidationException", message)
