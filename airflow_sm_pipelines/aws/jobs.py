"""Create, find, observe and stop the resource of a step, whatever service it belongs to.

A row of `airflow_sm_pipelines.aws.kinds` names the protocol of its resources; the table of the names stands here. The
functions take a boto3 client and the row, and hand on to that protocol. None of them waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import Body, call
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.protocols.base import Creation, Observation, Outcome, ResourceProtocol
from airflow_sm_pipelines.aws.protocols.emr import EmrClusterProtocol, EmrStepProtocol
from airflow_sm_pipelines.aws.protocols.emr_serverless import EmrServerlessProtocol
from airflow_sm_pipelines.aws.protocols.hosting import EndpointConfigProtocol, EndpointProtocol
from airflow_sm_pipelines.aws.protocols.sagemaker import ModelCustomizationJobProtocol, TuningJobProtocol
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient

__all__ = [
    "PROTOCOLS",
    "Creation",
    "Observation",
    "Outcome",
    "create",
    "expected_reference",
    "last_log_lines",
    "observe",
    "remove",
    "running",
    "stop",
    "tags",
]

PROTOCOLS: Mapping[str, type[ResourceProtocol]] = {
    "sagemaker": ResourceProtocol,
    "tuning-job": TuningJobProtocol,
    "model-customization-job": ModelCustomizationJobProtocol,
    "endpoint-config": EndpointConfigProtocol,
    "endpoint": EndpointProtocol,
    "emr-steps": EmrStepProtocol,
    "emr-clusters": EmrClusterProtocol,
    "emr-serverless": EmrServerlessProtocol,
}
"""The protocols by the names that rows use (`ResourceKind.protocol`)."""


def create(client: BaseClient, kind: ResourceKind, request: Body) -> Creation | None:
    """Create the resource that a request names; see `ResourceProtocol.create`.

    Returns:
        What came of it. A resource is not new if an earlier call of the same attempt had created it. Its reference is
        its name, or what the service calls it if the service assigns the name. ``None`` if an earlier change of the
        same resource must end first: ask again later.

    Raises:
        AwsCallError: A call failed.
    """
    return _protocol(client, kind).create(request)


def expected_reference(kind: ResourceKind, request: Body, name: str) -> str:
    """Return the reference that finds the resource if the answer of Create is lost; empty if none does.

    Args:
        kind: The resource's row.
        request: The Create request.
        name: Name of the attempt.
    """
    if kind.parent_member:
        return f"{request[kind.parent_member]}/{name}"
    return "" if kind.named_by_service else name


def observe(client: BaseClient, kind: ResourceKind, reference: str) -> Observation | None:
    """Return the state of a resource, ``None`` if it does not exist.

    Raises:
        AwsCallError: A call failed.
    """
    return _protocol(client, kind).observe(reference)


def stop(client: BaseClient, kind: ResourceKind, reference: str) -> bool:
    """Stop a resource.

    Returns:
        False if there was nothing to stop: the resource does not exist, has ended, or is of a kind that cannot be
        stopped. True also if it was being stopped already.

    Raises:
        AwsCallError: A call failed, and the resource still runs.
    """
    return _protocol(client, kind).stop(reference)


def remove(client: BaseClient, kind: ResourceKind, reference: str) -> bool:
    """Advance the clean-up of a resource's leftovers by one AWS call; only kinds with `leaves_behind` have any.

    Returns:
        Whether some are left, so that it must be called again.

    Raises:
        AwsCallError: A call failed.
    """
    return _protocol(client, kind).remove(reference)


def running(client: BaseClient, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Yield reference and ARN of every running resource, or of those whose name contains a text.

    The last part of a reference, after the last slash, is the name in the attempt's record.

    Raises:
        AwsCallError: A call failed.
    """
    return _protocol(client, kind).running(name_contains)


def tags(client: BaseClient, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Return the tags of a resource that `running` has found.

    Raises:
        AwsCallError: The call failed.
    """
    return _protocol(client, kind).tags(arn)


def last_log_lines(logs_client: BaseClient, kind: ResourceKind, name: str, limit: int = 20) -> list[str]:
    """Return the last lines that a job wrote to CloudWatch Logs, oldest first.

    Args:
        logs_client: A boto3 client for CloudWatch Logs.
        kind: The job's row.
        name: The job's name; its log streams start with it.
        limit: How many lines at most, over all of its instances.

    Raises:
        AwsCallError: AWS refused a call.
    """
    if not kind.log_group:
        return []
    try:
        answer = call(
            logs_client,
            "DescribeLogStreams",
            {"logGroupName": kind.log_group, "logStreamNamePrefix": f"{name}/", "limit": 50},
        )
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return []
        raise
    events: list[tuple[int, str]] = []
    for stream in answer.get("logStreams", ()):
        page = call(
            logs_client,
            "GetLogEvents",
            {
                "logGroupName": kind.log_group,
                "logStreamName": stream["logStreamName"],
                "limit": limit,
                "startFromHead": False,
            },
        )
        events.extend((event["timestamp"], event["message"].rstrip("\n")) for event in page.get("events", ()))
    events.sort(key=lambda event: event[0])
    return [line for _, line in events[-limit:]]


def _protocol(client: BaseClient, kind: ResourceKind) -> ResourceProtocol:
    return PROTOCOLS[kind.protocol](client, kind)
