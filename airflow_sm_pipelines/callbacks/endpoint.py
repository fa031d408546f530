"""The endpoint by which handlers answer callbacks; runs in Airflow's API server, under ``/sm-pipelines``.

It serves the two operations of SageMaker's API that answer a Callback step (AWS JSON 1.1), so that an unmodified AWS
SDK talks to it with ``endpoint_url="https://airflow.example.com/sm-pipelines/callback"``. Shapes and limits are those
of botocore's service model. Signatures are not checked: the token is the only guard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from airflow_sm_pipelines.aws_json import (
    RefusedRequestError,
    error_answer,
    invalid,
    json_answer,
    read_body,
    read_form,
    read_members,
    unread_answer,
)
from airflow_sm_pipelines.callbacks.rate_limit import MissLimit
from airflow_sm_pipelines.callbacks.reception import Receipt, remember_people, take_answer
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer, Reception

_log = logging.getLogger(__name__)

MOST_BYTES = 512 * 1024
"""Longest body: 50 outputs of the longest name and value, escaped, are less."""

BODY_SECONDS = 10.0
"""Time for a body to come, all of it: whoever sends it in a trickle would hold its memory and its connection."""

_MOST_OUTPUTS = 50
_LONGEST_NAME = 256
_LONGEST_VALUE = 1024
_LONGEST_REASON = 256

_REFUSALS = {
    Reception.CONFLICT: ("ConflictException", "this callback was given another answer before"),
    Reception.UNKNOWN: ("ResourceNotFound", "no callback has this token"),
}


# -- the bodies --------------------------------------------------------------------------------------------------------


class _Request(BaseModel):
    token: Annotated[str, Field(alias="CallbackToken", pattern="^[a-zA-Z0-9]{10}$")]

    def answer(self) -> Answer:
        """Return the answer that the request gives."""
        raise NotImplementedError


class _Output(BaseModel):
    name: Annotated[str, Field(alias="Name", max_length=_LONGEST_NAME)]
    value: Annotated[str, Field(alias="Value", max_length=_LONGEST_VALUE)]


class _Success(_Request):
    outputs: Annotated[list[_Output] | None, Field(alias="OutputParameters", max_length=_MOST_OUTPUTS)] = None

    def answer(self) -> Answer:
        outputs: dict[str, str] = {}
        for index, output in enumerate(self.outputs or []):
            if output.name in outputs:
                raise invalid(f"OutputParameters[{index}]: {output.name!r} is there twice")
            outputs[output.name] = output.value
        return Answer(SUCCESS, outputs=outputs)


class _Failure(_Request):
    reason: Annotated[str | None, Field(alias="FailureReason", max_length=_LONGEST_REASON)] = None

    def answer(self) -> Answer:
        return Answer(FAILURE, reason=self.reason or "")


_OPERATIONS: Mapping[str, type[_Request]] = {
    "SendPipelineExecutionStepSuccess": _Success,
    "SendPipelineExecutionStepFailure": _Failure,
}

_COMPLAINTS = {"string_pattern_mismatch": "must be 10 letters and digits"}


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """An answer and the token with which it came.

    Attributes:
        token: The token.
        answer: The answer.
    """

    token: str
    answer: Answer


def read_request(target: str, body: bytes) -> CallbackRequest:
    """Return what a request says.

    Args:
        target: The header ``X-Amz-Target``.
        body: The body.

    Raises:
        RefusedRequestError: The operation is unknown, the body is not JSON, or it does not fit the shapes.
    """
    form = _OPERATIONS.get(target.rpartition(".")[2])
    if form is None:
        raise RefusedRequestError(
            "UnknownOperationException", f"this endpoint takes {' and '.join(_OPERATIONS)} only, not {target!r}"
        )
    request = read_form(form, read_members(body), _COMPLAINTS)
    return CallbackRequest(request.token, request.answer())


# -- the application ---------------------------------------------------------------------------------------------------


def callback_app(limit: MissLimit | None = None) -> FastAPI:
    """Return the web application.

    Args:
        limit: The rate limit of unknown tokens; by default a new one.
    """
    remember_people()
    lookups = _Lookups(limit or MissLimit())
    app = FastAPI(title="SageMaker Pipelines callbacks", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(request: Request) -> Response:
        """Take one answer."""
        try:
            body = await read_body(request, MOST_BYTES, BODY_SECONDS)
        except (RefusedRequestError, ClientDisconnect) as error:
            return unread_answer(error)
        try:
            read = read_request(request.headers.get("x-amz-target", ""), body)
            receipt = await lookups.take(read, request.client.host if request.client else "")
        except RefusedRequestError as error:
            return error_answer(error)
        if receipt.reception in _REFUSALS:
            return error_answer(RefusedRequestError(*_REFUSALS[receipt.reception]))
        if receipt.reception is Reception.TAKEN:
            _log.info("Callback of %s answered", receipt.step)
        return json_answer({"PipelineExecutionArn": receipt.execution_arn})

    for path in ("/callback", "/callback/"):  # botocore adds the slash, other SDKs do not
        app.post(path)(answer)
    return app


class _Lookups:
    """The look-ups of tokens in Airflow's database.

    A token is looked up in any case. It is not the limit that protects it, but its 62**10 possibilities: who tries a
    thousand tokens a second for a year, while a thousand callbacks are open, finds one with a probability of 1 in
    27,000. The limit protects Airflow: whoever sends many unknown tokens gets one thread and one database connection,
    which all such addresses share in order of arrival, and writes nothing to the log.

    Args:
        misses: The rate limit of unknown tokens.
    """

    def __init__(self, misses: MissLimit) -> None:
        self._misses = misses
        self._one_at_a_time = asyncio.Lock()

    async def take(self, request: CallbackRequest, host: str) -> Receipt:
        """Take the answer of a request.

        Args:
            request: The request.
            host: The client's address.

        Raises:
            RefusedRequestError: The token is unknown, and its address has sent too many of these.
        """
        address = MissLimit.source_of(host)
        if self._misses.may_try(address):
            receipt = await run_in_threadpool(take_answer, request.token, request.answer)
            if receipt.reception is Reception.UNKNOWN:
                self._misses.miss(address)
                _log.warning("Unknown callback token from %s", address)
            return receipt
        async with self._one_at_a_time:
            receipt = await run_in_threadpool(take_answer, request.token, request.answer)
        if receipt.reception is Reception.UNKNOWN:
            raise RefusedRequestError("ThrottlingException", "Rate exceeded: too many unknown tokens from this address")
        return receipt
