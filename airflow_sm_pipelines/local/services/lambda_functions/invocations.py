"""Lambda's operation Invoke."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.lambda_functions.execution import HandlerProcesses, InvocationResult
from airflow_sm_pipelines.local.services.lambda_functions.layers import Layers
from airflow_sm_pipelines.local.services.lambda_functions.names import LATEST, read_reference
from airflow_sm_pipelines.local.services.lambda_functions.table import FunctionTable
from airflow_sm_pipelines.local.stand_in import StandIn
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_MOST_BYTES = 6 * 1024 * 1024
"""Longest event and longest answer of a synchronous invocation (developer guide, "Lambda quotas")."""


class Invocations:
    """The operation Invoke.

    Args:
        table: The functions.
        layers: The layers.
        processes: Runs the handlers.
        stand_in: What answers for functions that do not exist, if there is one.
    """

    def __init__(
        self, table: FunctionTable, layers: Layers, processes: HandlerProcesses, stand_in: StandIn | None
    ) -> None:
        self._table = table
        self._layers = layers
        self._processes = processes
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {"Invoke": self._invoke}

    def _invoke(self, context: RequestContext, request: Document) -> Document:
        event, client_context = _event(request), _client_context(request)
        if request.get("InvocationType") == "Event":
            raise AwsError("InvalidParameterValueException", "The local AWS invokes functions synchronously only")
        try:
            function = self._table.find(
                read_reference(request["FunctionName"], context.region, request.get("Qualifier"))
            )
        except AwsError:
            if self._stand_in is None:
                raise
            # Also one of another account or region: a definition names those of its own.
            return _answer(request, LATEST, self._stand_in.invoke_missing_function(client_context))
        if request.get("InvocationType") == "DryRun":
            return {"StatusCode": 204}
        layers = self._layers.archives([layer["Arn"] for layer in function.configuration.get("Layers", ())])
        result = self._processes.run(function, layers, event, client_context)
        return _answer(request, function.version, result)


def _answer(request: Document, version: str, result: InvocationResult) -> Document:
    payload, is_error = result.payload, result.is_error
    if len(payload.encode()) > _MOST_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({_MOST_BYTES} bytes)."
        error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
        payload, is_error = json.dumps(error), True
    return {
        "StatusCode": 200,
        "ExecutedVersion": version,
        "FunctionError": "Unhandled" if is_error else None,
        "LogResult": base64.b64encode(result.log_tail).decode() if request.get("LogType") == "Tail" else None,
        "Payload": payload,
    }


def _event(request: Document) -> str:
    text: str = request.get("Payload") or "{}"
    if len(text.encode()) > _MOST_BYTES:
        message = f"Request must be smaller than {_MOST_BYTES} bytes for the InvokeFunction operation"
        raise AwsError("RequestTooLargeException", message, 413)
    try:
        read_json(text)
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise AwsError("InvalidRequestContentException", message) from error
    return text


def _client_context(request: Document) -> Document | None:
    encoded = request.get("ClientContext")
    if not encoded:
        return None
    try:
        context = read_json(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        raise AwsError("InvalidRequestContentException", message)
    return context
