"""The web application by which handlers answer callbacks; runs in Airflow's API server, under ``/sm-pipelines``.

An unmodified AWS SDK talks to it with ``endpoint_url="https://airflow.example.com/sm-pipelines/callback"``.
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from airflow_sm_pipelines.callbacks.answers import Receipt, remember_people, take_answer
from airflow_sm_pipelines.callbacks.endpoint_requests import MOST_BYTES, RefusedRequestError, read_request
from airflow_sm_pipelines.callbacks.rate_limit import Guesses
from airflow_sm_pipelines.callbacks.rules import Reception

_log = logging.getLogger(__name__)

_REFUSALS = {
    Reception.CONFLICT: ("ConflictException", "this callback has been given another answer"),
    Reception.UNKNOWN: ("ResourceNotFound", "no callback has this token"),
}


def callback_app(guesses: Guesses | None = None) -> FastAPI:
    """Return the application.

    Args:
        guesses: The budget of misses; a new one by default.
    """
    remember_people()
    budget = guesses or Guesses()
    app = FastAPI(title="SageMaker Pipelines callbacks", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(request: Request) -> Response:
        """Take one answer."""
        try:
            receipt = await _receipt(request, budget)
        except RefusedRequestError as error:
            return _error(error.code, error.message)
        if receipt.reception in _REFUSALS:
            return _error(*_REFUSALS[receipt.reception])
        if receipt.reception is Reception.TAKEN:
            _log.info("Callback of %s answered", receipt.step)
        return _json({"PipelineExecutionArn": receipt.execution_arn}, 200)

    for path in ("/callback", "/callback/"):  # botocore adds the slash, other SDKs do not
        app.post(path)(answer)
    return app


async def _receipt(request: Request, budget: Guesses) -> Receipt:
    address = Guesses.source_of(request.client.host if request.client else "")
    body = await _body(request)
    read = read_request(request.headers.get("x-amz-target", ""), body)
    if not budget.may_try(address):
        raise RefusedRequestError("ThrottlingException", "Rate exceeded: too many unknown tokens from this address")
    receipt = await run_in_threadpool(take_answer, read.token, read.answer)
    if receipt.reception is Reception.UNKNOWN:
        budget.miss(address)
        _log.warning("Unknown callback token from %s", address)
    return receipt


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise RefusedRequestError("RequestEntityTooLargeException", f"a body has at most {MOST_BYTES} bytes")
    return body


def _error(code: str, message: str) -> Response:
    # Modelled errors of SageMaker have "Message", botocore takes either.
    return _json({"__type": code, "Message": message, "message": message}, 400)


def _json(content: dict[str, Any], status: int) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(json.dumps(content), status, headers, media_type="application/x-amz-json-1.1")
