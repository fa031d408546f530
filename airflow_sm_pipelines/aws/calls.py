"""Calls to AWS, and one error for all the ways in which they are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow_sm_pipelines.aws.failures import SERVICE_FAULT, exception_type_of_error


class CallRefusedError(Exception):
    """AWS refused a call, or could not be reached.

    Args:
        operation: The operation, e.g. ``CreateProcessingJob``.
        code: The error's code, or the name of the connection error.
        message: What AWS says.
        exception_type: SageMaker's retry exception type, ``None`` if the fault is the caller's.
    """

    def __init__(self, operation: str, code: str, message: str, exception_type: str | None) -> None:
        self.operation = operation
        self.code = code
        self.message = message
        self.exception_type = exception_type
        super().__init__(operation, code, message, exception_type)

    def __str__(self) -> str:
        return f"{self.operation}: {self.code}: {self.message}"


@contextmanager
def refusals(operation: str) -> Iterator[None]:
    """Turn every error of botocore into a `CallRefusedError`.

    Args:
        operation: What is called, for the message.

    Raises:
        CallRefusedError: AWS answered with an error, or did not answer.
    """
    from botocore import exceptions as botocore_errors

    try:
        yield
    except botocore_errors.ClientError as error:
        answer = error.response
        code = answer.get("Error", {}).get("Code", "Unknown")
        message = answer.get("Error", {}).get("Message", "")
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise CallRefusedError(operation, code, message, exception_type_of_error(code, status)) from error
    except (botocore_errors.ConnectionError, botocore_errors.HTTPClientError) as error:
        raise CallRefusedError(operation, type(error).__name__, str(error), SERVICE_FAULT) from error
    except botocore_errors.BotoCoreError as error:  # no credentials, no region, parameters that botocore rejects …
        raise CallRefusedError(operation, type(error).__name__, str(error), None) from error


def call(client: Any, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call one operation of a boto3 client.

    Args:
        client: A boto3 client.
        operation: Its name in the service model, e.g. ``CreateProcessingJob``.
        request: The request's members.

    Raises:
        CallRefusedError: AWS answered with an error, or did not answer.
    """
    from botocore import xform_name

    with refusals(operation):
        return dict(getattr(client, xform_name(operation))(**request))


def read_object(client: Any, bucket: str, key: str) -> bytes:
    """Return the content of an S3 object.

    Args:
        client: A boto3 client for S3.
        bucket: Name of the bucket.
        key: Key of the object.

    Raises:
        CallRefusedError: S3 answered with an error, did not answer, or broke off.
    """
    with refusals("GetObject"):
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content
