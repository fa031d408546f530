"""Calls to AWS, and one error for all the ways in which they are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow_sm_pipelines.aws.failures import SERVICE_FAULT, exception_type_of_error
from airflow_sm_pipelines.errors import CallNotMadeError, CallRefusedError, CallUnansweredError


@contextmanager
def refusals(operation: str) -> Iterator[None]:
    """Turn every error of botocore into an `AwsCallError`.

    Args:
        operation: What is called, for the message.

    Raises:
        AwsCallError: AWS answered with an error.
        CallUnansweredError: AWS did not answer.
        CallNotMadeError: There are no credentials, no region, or parameters that botocore rejects.
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
        raise CallUnansweredError(operation, type(error).__name__, str(error), SERVICE_FAULT) from error
    except botocore_errors.BotoCoreError as error:
        name = type(error).__name__
        raise CallNotMadeError(f"{operation}: {name}: {error}", name) from error


def call(client: Any, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call one operation of a boto3 client.

    Args:
        client: A boto3 client.
        operation: Its name in the service model, e.g. ``CreateProcessingJob``.
        request: The request's members.

    Raises:
        AwsCallError: AWS answered with an error, or did not answer, or the installed botocore lacks the operation.
    """
    from botocore import xform_name

    method = getattr(client, xform_name(operation), None)
    if method is None:
        raise lacking_operation(client, operation)
    with refusals(operation):
        return dict(method(**request))


def call_once(client: Any, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call an operation that has no idempotency token; botocore repeats it only if AWS has refused it (throttling).

    Args:
        client: A boto3 client.
        operation: Its name in the service model, e.g. ``AddJobFlowSteps``.
        request: The request's members.

    Raises:
        AwsCallError: As for `call`.
    """
    service = client.meta.service_model.service_id.hyphenize()
    # Handlers of an operation answer before those of its service, and the first answer counts.
    client.meta.events.register_first(
        f"needs-retry.{service}.{operation}", _not_in_doubt, unique_id=f"sm-pipelines-once-{operation}"
    )
    return call(client, operation, request)


def _not_in_doubt(response: Any = None, **_: Any) -> bool | None:
    """Tell botocore not to repeat a call that may have been executed; about any other it decides as it always does."""
    refused = response is not None and response[0].status_code < 500
    return None if refused else False


def input_shape(client: Any, operation: str) -> Any:
    """Return botocore's model of what an operation takes.

    Raises:
        AwsCallError: The installed botocore lacks the operation.
    """
    from botocore.model import OperationNotFoundError

    try:
        return client.meta.service_model.operation_model(operation).input_shape
    except OperationNotFoundError as error:
        raise lacking_operation(client, operation) from error


def lacking_operation(client: Any, operation: str) -> CallNotMadeError:
    """Return the error for an operation that is newer than the installed botocore."""
    import botocore

    service = client.meta.service_model.service_name
    message = (
        f"the installed botocore {botocore.__version__} has no operation {operation} of {service}; "
        "install a newer one where the task runs: pip install --upgrade boto3"
    )
    return CallNotMadeError(message, "OperationNotFoundError")


def read_object(client: Any, bucket: str, key: str) -> bytes:
    """Return the content of an S3 object.

    Args:
        client: A boto3 client for S3.
        bucket: Name of the bucket.
        key: Key of the object.

    Raises:
        AwsCallError: S3 answered with an error, did not answer, or broke off.
    """
    with refusals("GetObject"):
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content
