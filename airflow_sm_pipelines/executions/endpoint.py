"""The endpoint of pipeline executions; runs in Airflow's API server, under ``/sm-pipelines/api``.

It serves the operations of SageMaker's API on executions (AWS JSON 1.1), so that an unmodified boto3 or SageMaker SDK
starts and follows pipelines here. Who may do what, Airflow decides: a request must bring an access token of Airflow's
API, and all that is asked and done goes through that API. AWS's signatures are not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from airflow_sm_pipelines.aws_json import (
    RefusedRequestError,
    error_answer,
    json_answer,
    read_body,
    read_form,
    read_members,
    unread_answer,
)
from airflow_sm_pipelines.definition.json_values import JsonObject

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_BYTES = 2 * 1024 * 1024
"""Longest body: 200 parameters of the longest name and value, escaped, are less."""

BODY_SECONDS = 10.0
"""Time for a body to come."""

_BEARER = "bearer "
_AIRFLOW = "airflow_sm_pipelines.airflow"


class ExecutionsApp(FastAPI):
    """The web application; it notes which application it is mounted in, Airflow's own, whose API it asks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        scope[_AIRFLOW] = scope.get("app")
        await super().__call__(scope, receive, send)


def executions_app() -> FastAPI:
    """Return the web application."""
    app = ExecutionsApp(title="SageMaker Pipelines executions", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(request: Request, operation: str = "") -> Response:
        """Carry out one operation."""
        try:
            # Before the body is read: whoever is not logged in does not get its memory.
            authorization = _authorization(request)
            body = await read_body(request, MOST_BYTES, BODY_SECONDS)
        except (RefusedRequestError, ClientDisconnect) as error:
            return unread_answer(error)
        try:
            name = operation or request.headers.get("x-amz-target", "").rpartition(".")[2]
            return json_answer(await _carry_out(request, authorization, name, body))
        except RefusedRequestError as error:
            return error_answer(error)

    # botocore adds a slash, other SDKs do not; the last is for what cannot set the header: EventBridge.
    for path in ("/api", "/api/", "/api/{operation}"):
        app.post(path)(answer)
    return app


async def _carry_out(request: Request, authorization: str, name: str, body: bytes) -> JsonObject:
    from airflow_sm_pipelines.executions.airflow_client import AirflowClient
    from airflow_sm_pipelines.executions.operations import OPERATIONS

    operation = OPERATIONS.get(name)
    if operation is None:
        raise RefusedRequestError(
            "UnknownOperationException",
            f"this endpoint has {', '.join(OPERATIONS)}, not {name!r}; send other operations to AWS",
        )
    form = read_form(operation.form, read_members(body))
    client = (request.client.host, request.client.port) if request.client else None
    airflow = AirflowClient(mounting_app(request), authorization, client)
    return await operation.answer(airflow, form)


def mounting_app(request: Request) -> ASGIApp:
    """Return the application that serves Airflow's own API, of a request to `ExecutionsApp`."""
    app: ASGIApp = request.scope[_AIRFLOW]
    return app


def _authorization(request: Request) -> str:
    """Return the header that Airflow's API is asked with; cookies do not count: a browser sends them unasked."""
    authorization = request.headers.get("authorization", "")
    if not authorization.lower().startswith(_BEARER):
        raise RefusedRequestError(
            "MissingAuthenticationTokenException",
            "the header Authorization must be 'Bearer ' and an access token of Airflow's API; see docs/starting.md",
            403,
        )
    return authorization
