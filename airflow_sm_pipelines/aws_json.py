"""The server's side of the protocol AWS JSON 1.1, which unmodified AWS SDKs speak; runs in Airflow's API server.

An operation is named by the header ``X-Amz-Target``, the body is a JSON object, and an error is a JSON object whose
``__type`` is the error's code. What the endpoints have in common stands here; what an operation does stands with it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import SageMakerPipelinesError

_Form = TypeVar("_Form", bound=BaseModel)

_COMPLAINTS = {
    "extra_forbidden": "is not known",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "missing": "is required",
    "model_type": "must be an object",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be a string",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have {min_length} or more entries",
}
"""What to say of pydantic's errors, by their type."""


class RefusedRequestError(SageMakerPipelinesError):
    """A request that an endpoint does not take.

    Args:
        code: The error's code in AWS's terms.
        message: What is wrong.
        status: HTTP status of the answer.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(code, message, status)


def invalid(message: str) -> RefusedRequestError:
    """Return the error of a request whose members do not fit."""
    return RefusedRequestError("ValidationException", message)


async def read_body(request: Request, most_bytes: int, seconds: float) -> bytes:
    """Return the body of a request.

    Args:
        request: The request.
        most_bytes: Longest body.
        seconds: Time for the body to come, all of it: whoever sends it in a trickle would hold its memory and its
            connection.

    Raises:
        RefusedRequestError: It is too long, or has not come in time.
        starlette.requests.ClientDisconnect: The client went away.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise RefusedRequestError(
                        "RequestEntityTooLargeException", f"a body has at most {most_bytes} bytes"
                    )
    except TimeoutError as error:
        message = f"the body did not come within {seconds:g} seconds"
        raise RefusedRequestError("RequestTimeoutException", message) from error
    return bytes(body)


def read_members(body: bytes) -> JsonObject:
    """Return the members of a body.

    Raises:
        RefusedRequestError: It is not a JSON object.
    """
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:  # the latter: nested too deep
        raise RefusedRequestError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise RefusedRequestError("SerializationException", "the body is not a JSON object")
    return members


def read_form(form: type[_Form], members: Mapping[str, object], complaints: Mapping[str, str] | None = None) -> _Form:
    """Return the members of a body as a form.

    Args:
        form: The form.
        members: The members.
        complaints: What to say of pydantic's errors, by their type, where the form wants other words than the usual.

    Raises:
        RefusedRequestError: They do not fit; the message names the place of the first fault.
    """
    try:
        return form.model_validate(members)
    except ValidationError as error:
        raise invalid(_complaint(error, {**_COMPLAINTS, **(complaints or {})})) from error


def _complaint(error: ValidationError, complaints: Mapping[str, str]) -> str:
    """Return the first fault with its place, e.g. ``OutputParameters[0].Value must be a string``."""
    fault = error.errors()[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).removeprefix(".")
    template = complaints.get(fault["type"])
    return f"{place} {template.format(**fault.get('ctx', {})) if template else fault['msg']}"


def error_answer(error: RefusedRequestError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a request that was refused."""
    # Modelled errors of SageMaker have "Message", botocore takes either.
    content: JsonObject = {"__type": error.code, "Message": error.message, "message": error.message}
    return json_answer(content, error.status, headers)


def unread_answer(error: RefusedRequestError | ClientDisconnect) -> Response:
    """Return the answer to a request whose body was not read: the rest may still come, so the connection ends.

    Args:
        error: Why it was not read. If the client went away, nobody reads the answer.
    """
    if isinstance(error, ClientDisconnect):
        error = RefusedRequestError("RequestAborted", "the connection was closed before the body had come")
    return error_answer(error, {"Connection": "close"})


def json_answer(content: JsonObject, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer."""
    headers = {"x-amzn-RequestId": str(uuid.uuid4()), **(headers or {})}
    return Response(json.dumps(content), status, headers, media_type="application/x-amz-json-1.1")
