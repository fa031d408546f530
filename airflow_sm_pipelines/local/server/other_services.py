"""The services that are not our own: moto answers for them, and for what it lacks, this module does."""

from __future__ import annotations

from flask import Flask
from moto.backends import SERVICE_NAMES
from moto.server import create_backend_app

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.responses import Response, error_response
from airflow_sm_pipelines.local.wire.wsgi_call import Environ, WsgiApp, call_wsgi

_UNKNOWN_OPERATION = ("UnknownOperationException", 400)
_UNKNOWN_OPERATIONS = {
    "query": ("InvalidAction", 400),
    "rest-xml": ("NotImplemented", 501),
}
"""Code and status that an AWS service has for an operation that it does not know, by protocol; no SDK tries again."""

_WEB_FRAMEWORK_PAGE = b"<!doctype html>"


def create_moto_app(service: SERVICE_NAMES | None) -> Flask:
    """Return moto's application of one service.

    Args:
        service: moto's name of the service; ``None`` if it has none for the request.

    Raises:
        NotImplementedError: moto does not have the service.
    """
    if service is None:
        raise NotImplementedError
    return create_backend_app(service)


def answer_of(application: WsgiApp, call: AwsCall, environ: Environ) -> Response:
    """Return the answer of another service, or the error for an operation that it does not have.

    Args:
        application: What answers for the other services.
        call: The call.
        environ: The same as WSGI has it.
    """
    try:
        response = call_wsgi(application, environ)
    except NotImplementedError:
        return _not_implemented(call, "")
    except ModuleNotFoundError as error:
        return _not_implemented(call, f"; moto has it, but needs the package that provides {error.name!r}")
    if response.http_status in (404, 405) and response.body.startswith(_WEB_FRAMEWORK_PAGE):
        return _not_implemented(call, "")
    return response


def _not_implemented(call: AwsCall, hint: str) -> Response:
    code, status = _UNKNOWN_OPERATIONS.get(call.protocol, _UNKNOWN_OPERATION)
    name = f"{call.service}:{call.operation}" if call.service else call.operation
    message = f"The local AWS does not implement {name}{hint}"
    return error_response(AwsError(code, message, status), call.protocol, call.request_id)
