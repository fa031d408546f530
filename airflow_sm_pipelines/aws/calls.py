"""Calls to AWS, with one error for all the ways in which a call fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_sm_pipelines.aws.failures import SERVICE_FAULT, exception_type_of_error, says_absent
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError, CallRefusedError, CallUnansweredError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient
    from botocore.model import StructureShape

Body: TypeAlias = Mapping[str, Any]
"""Members of a request or an answer, in the API's own names."""


@contextmanager
def refusals(operation: str) -> Iterator[None]:
    """Turn every error of botocore into an `AwsCallError`.

    Args:
        operation: Name of the operation, for the message.

    Raises:
        CallRefusedError: AWS answered with an error.
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


def call(client: BaseClient, operation: str, request: Body) -> dict[str, Any]:
    """Call an operation and return its answer.

    Args:
        client: A boto3 client.
        operation: Name of the operation in the service model, e.g. ``CreateProcessingJob``.
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


def call_once(client: BaseClient, operation: str, request: Body) -> dict[str, Any]:
    """Call an operation that has no idempotency token; botocore retries it only if AWS refused it, e.g. by throttling.

    Args:
        client: A boto3 client.
        operation: Name of the operation in the service model, e.g. ``AddJobFlowSteps``.
        request: The request's members.

    Raises:
        AwsCallError: As for `call`.
    """
    service = client.meta.service_model.service_id.hyphenize()
    # Handlers of an operation answer before those of its service, and the first answer counts.
    client.meta.events.register_first(
        f"needs-retry.{service}.{operation}", _no_retry_in_doubt, unique_id=f"sm-pipelines-once-{operation}"
    )
    return call(client, operation, request)


def _no_retry_in_doubt(response: tuple[AWSResponse, object] | None = None, **_: object) -> bool | None:
    """Tell botocore not to retry a call that AWS may have executed; leave all others to its own rules."""
    refused = response is not None and response[0].status_code < 500
    return None if refused else False


def find(client: BaseClient, operation: str, request: Body) -> dict[str, Any] | None:
    """Return what a Describe operation answers, ``None`` if the resource does not exist.

    Args:
        client: A boto3 client.
        operation: Name of the operation in the service model, e.g. ``DescribeProcessingJob``.
        request: The request's members.

    Raises:
        AwsCallError: The call failed for another reason.
    """
    try:
        return call(client, operation, request)
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise


def pages(
    client: BaseClient,
    operation: str,
    request: Body,
    entries: str,
    token: str = "NextToken",  # noqa: S107 - a member
) -> Iterator[Body]:
    """Yield the entries of all pages of a List operation.

    Args:
        client: A boto3 client.
        operation: Name of the operation in the service model, e.g. ``ListProcessingJobs``.
        request: The request's members.
        entries: Member of the answers that holds the entries.
        token: Member of requests and answers that leads to the next page.

    Raises:
        AwsCallError: A call failed.
    """
    page: Body = {}
    while True:
        answer = call(client, operation, {**request, **page})
        yield from answer.get(entries, ())
        if not answer.get(token):
            return
        page = {token: answer[token]}


def input_shape(client: BaseClient, operation: str) -> StructureShape:
    """Return botocore's model of the request of an operation.

    Raises:
        CallNotMadeError: The installed botocore lacks the operation.
    """
    from botocore.model import OperationNotFoundError

    try:
        return client.meta.service_model.operation_model(operation).input_shape
    except OperationNotFoundError as error:
        raise lacking_operation(client, operation) from error


def lacking_operation(client: BaseClient, operation: str) -> CallNotMadeError:
    """Return the error for an operation that is newer than the installed botocore."""
    import botocore

    service = client.meta.service_model.service_name
    message = (
        f"the installed botocore {botocore.__version__} has no operation {operation} of {service}; "
        "install a newer one where the task runs: pip install --upgrade boto3"
    )
    return CallNotMadeError(message, "OperationNotFoundError")


def read_object(client: BaseClient, bucket: str, key: str) -> bytes:
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
