"""Invokes a Lambda function once and reads its answer.

Source: Lambda API reference, "Invoke". An invocation has no idempotency token and cannot be looked up. So after a call
that failed, the question is whether the function may have run. If AWS refused the call, it has not. If the connection
broke after the request was sent, or the service had an internal error, it may have.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import refusals
from airflow_sm_pipelines.aws.failures import SERVICE_FAULT
from airflow_sm_pipelines.aws.json_answers import read_json
from airflow_sm_pipelines.aws.requests.messages import as_sent
from airflow_sm_pipelines.aws.requests.step_start import AwsCall
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_OPERATION = "Invoke"
_LONGEST_QUOTE = 500

# The request never left this machine.
_UNSENT = frozenset({"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"})
# Errors with a status of 500 and above that occur before the function starts; after any other it may have run.
_NOT_STARTED = frozenset(
    {
        "EC2AccessDeniedException",
        "EC2ThrottledException",
        "EC2UnexpectedException",
        "ENILimitReachedException",
        "ENINotReadyException",
        "InvalidRuntimeException",
        "InvalidSecurityGroupIDException",
        "InvalidSubnetIDException",
        "InvalidZipFileException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "ResourceNotReadyException",
        "SubnetIPAddressLimitReachedException",
    }
)


def region_of(function: str) -> str:
    """Return the region that the ARN of a function names; ``""`` for a name, or an ARN without account and region."""
    parts = function.split(":")
    return parts[3] if parts[0] == "arn" and len(parts) > 3 else ""


class LostAnswerError(AwsCallError):
    """The function may have run, but its answer is lost.

    Args:
        error: Why the call failed.
    """

    def __init__(self, error: AwsCallError) -> None:
        super().__init__(error.operation, error.code, error.message, error.exception_type or SERVICE_FAULT)
        self.args = (error,)
        self._error = error

    def in_words(self) -> str:
        """Return a sentence that says why the call failed."""
        return self._error.in_words()


@dataclass(frozen=True, slots=True)
class FunctionAnswer:
    """The answer of a function.

    Attributes:
        payload: What the function returned, as JSON text; the error if it failed.
        error: How it failed: ``Unhandled`` or ``Handled``; empty if it returned.
        log_tail: The last lines of its log, at most 4 KB.
    """

    payload: str
    error: str
    log_tail: tuple[str, ...]

    def value(self) -> object:
        """Return what the function returned.

        Raises:
            ValueError: The payload is not JSON (a custom runtime may return anything), or nested too deeply.
        """
        return read_json(self.payload) if self.payload.strip() else None

    def failure(self) -> str:
        """Return why the function failed: type and message of its error if it has them, else its payload."""
        try:
            said = self.value()
        except ValueError:
            said = None
        if not isinstance(said, dict) or not ("errorMessage" in said or "errorType" in said):
            return self.payload[:_LONGEST_QUOTE] or f"{self.error}, without a message"
        parts = (said.get("errorType"), said.get("errorMessage"))
        return ": ".join(str(part) for part in parts if part) or f"{self.error}, without a message"


def invoke(client: BaseClient, invocation: AwsCall) -> FunctionAnswer:
    """Invoke a function and wait for its answer.

    Args:
        client: A boto3 client for Lambda that never retries a call.
        invocation: The call; see `airflow_sm_pipelines.aws.requests.messages.invocation`.

    Raises:
        LostAnswerError: The function may have run.
        AwsCallError: The call failed, and the function has not run.
    """
    request = as_sent(invocation)
    try:
        with refusals(_OPERATION):
            answer = client.invoke(**request)
            payload = answer["Payload"].read().decode(errors="replace")
    except AwsCallError as error:
        if not _may_have_run(error):
            raise
        raise LostAnswerError(error) from error
    return FunctionAnswer(payload, str(answer.get("FunctionError") or ""), _lines(answer.get("LogResult")))


def _may_have_run(error: AwsCallError) -> bool:
    """Tell whether a failed call may have started the function."""
    from botocore import exceptions as botocore_errors

    cause = error.__cause__
    if isinstance(cause, botocore_errors.ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(status >= 500) and error.code not in _NOT_STARTED
    broken = (botocore_errors.ConnectionError, botocore_errors.HTTPClientError, botocore_errors.IncompleteReadError)
    return isinstance(cause, broken) and error.code not in _UNSENT


def _lines(log_result: str | None) -> tuple[str, ...]:
    return tuple(base64.b64decode(log_result or "").decode(errors="replace").splitlines())
