"""Lambda's operation Invoke."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.rehearsal import NOTE, Rehearsal
from airflow_sm_pipelines.local.services.lambda_functions.execution import HandlerProcesses, InvocationResult
from airflow_sm_pipelines.local.services.lambda_functions.layers import Layers
from airflow_sm_pipelines.local.services.lambda_functions.names import LATEST, read_reference
from airflow_sm_pipelines.local.services.lambda_functions.table import FunctionTable
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_MOST_BYTES = 6 * 1024 * 1024
"""Longest event and longest answer of a synchronous invocation (developer guide, "Lambda quotas")."""


class Invocations:
    """Invoking functions.

    Args:
        table: The functions.
        layers: The layers.
        processes: Runs the handlers.
        rehearsal: Set if functions that are not there answer what it says.
    """

    def __init__(
        self, table: FunctionTable, layers: Layers, processes: HandlerProcesses, rehearsal: Rehearsal | None
    ) -> None:
        self._table = table
        self._layers = layers
        self._processes = processes
        self._rehearsal = rehearsal

    def operations(self) -> Mapping[str, Operation]:
        """Its operations by name."""
        return {"Invoke": self._invoke}

    def _invoke(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        event, client_context = _event(request), _client_context(request)
        if request.get("InvocationType") == "Event":
            raise AwsError("InvalidParameterValueException", "The local AWS invokes functions synchronously only")
        try:
            function = self._table.find(
                read_reference(request["FunctionName"], context.region, request.get("Qualifier"))
            )
        except AwsError:
            if self._rehearsal is None:
                raise
            # Also one of another account or region: a definition names those of its own.
            return _answer(request, LATEST, _rehearsed(self._rehearsal, client_context))
        if request.get("InvocationType") == "DryRun":
            return {"StatusCode": 204}
        layers = self._layers.archives([layer["Arn"] for layer in function.configuration.get("Layers", ())])
        result = self._processes.run(function, layers, event, client_context)
        return _answer(request, function.version, result)


def _answer(request: Mapping[str, Any], version: str, result: InvocationResult) -> Mapping[str, Any]:
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


def _rehearsed(rehearsal: Rehearsal, client_context: Mapping[str, Any] | None) -> InvocationResult:
    """What a function that is not there answers in a rehearsal: the outputs that its step declares."""
    custom = (client_context or {}).get("custom")
    step = str(custom.get("step", "")) if isinstance(custom, dict) else ""
    outcome, log = rehearsal.outcome_of(step), NOTE.encode()
    if outcome.failure_reason is not None or outcome.stopped:
        error = {"errorType": "Rehearsal", "errorMessage": outcome.failure_reason or "stopped"}
        return InvocationResult(json.dumps(error), is_error=True, log_tail=log)
    payload = {"rehearsal": NOTE, **rehearsal.outputs_of(step)}
    return InvocationResult(json.dumps(payload), is_error=False, log_tail=log)


def _event(request: Mapping[str, Any]) -> str:
    text: str = request.get("Payload") or "{}"
    if len(text.encode()) > _MOST_BYTES:
        message = f"Request must be smaller than {_MOST_BYTES} bytes for the InvokeFunction operation"
        raise AwsError("RequestTooLargeException", message, 413)
    try:
        json.loads(text)
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise AwsError("InvalidRequestContentException", message) from error
    return text


def _client_context(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    encoded = request.get("ClientContext")
    if not encoded:
        return None
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        raise AwsError("InvalidRequestContentException", message)
    return context
