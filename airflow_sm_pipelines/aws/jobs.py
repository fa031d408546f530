"""Create, find, observe and stop the resource of a step, whatever service it belongs to.

A row of `airflow_sm_pipelines.aws.kinds` names its service's protocol; here is what every protocol can do. All
functions take a boto3 client; none of them waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.errors import AwsCallError

__all__ = [
    "JobProtocol",
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

_PROTOCOLS = {
    "sagemaker": "airflow_sm_pipelines.aws.protocols.sagemaker",
    "tuning-job": "airflow_sm_pipelines.aws.protocols.tuning",
    "endpoint-config": "airflow_sm_pipelines.aws.protocols.endpoint_configs",
    "endpoint": "airflow_sm_pipelines.aws.protocols.endpoints",
    "model-customization-job": "airflow_sm_pipelines.aws.protocols.model_customization",
    "emr-steps": "airflow_sm_pipelines.aws.protocols.emr_steps",
    "emr-clusters": "airflow_sm_pipelines.aws.protocols.emr_clusters",
    "emr-serverless": "airflow_sm_pipelines.aws.protocols.emr_serverless",
}


class JobProtocol(Protocol):
    """How one service creates, observes and stops what steps need; a module of this room."""

    def create(self, client: Any, kind: ResourceKind, request: Mapping[str, Any], /) -> tuple[bool, str] | None:
        """See `create`."""

    def observe(self, client: Any, kind: ResourceKind, reference: str, /) -> Observation | None:
        """See `observe`."""

    def stop(self, client: Any, kind: ResourceKind, reference: str, /) -> bool:
        """See `stop`."""

    def remove(self, client: Any, kind: ResourceKind, reference: str, /) -> bool:
        """See `remove`; only where a row has `leaves_behind`."""

    def running(self, client: Any, kind: ResourceKind, name_contains: str = "", /) -> Iterator[tuple[str, str]]:
        """See `running`."""

    def tags(self, client: Any, kind: ResourceKind, arn: str, /) -> list[Mapping[str, str]]:
        """See `tags`."""


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str] | None:
    """Create the resource that ``request`` names, or that its idempotency token stands for.

    Returns:
        Whether it is new, as far as AWS tells (not if an earlier call of the same attempt had created it), and its
        reference, which Describe takes: its name, or what the service calls it if the service makes the name.
        ``None`` if an earlier change of the same resource must end first: ask again later.

    Raises:
        AwsCallError: AWS refused the request.
    """
    return _protocol(kind).create(client, kind, request)


def expected_reference(kind: ResourceKind, request: Mapping[str, Any], name: str) -> str:
    """Return the reference that finds the resource if the answer of Create is lost; empty if none does.

    Args:
        kind: The resource's row.
        request: The Create request.
        name: Name of the attempt.
    """
    if kind.parent_member:
        return f"{request[kind.parent_member]}/{name}"
    return "" if kind.named_by_service else name


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at a resource once; ``None`` if it does not exist.

    Raises:
        AwsCallError: AWS refused the call.
    """
    return _protocol(kind).observe(client, kind, reference)


def stop(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Ask AWS to stop a resource.

    Returns:
        False if there was nothing to stop: it does not exist, has already ended, or is of a kind that cannot be
        stopped. True also if somebody else has told it to stop.

    Raises:
        AwsCallError: AWS refused the call for another reason.
    """
    return _protocol(kind).stop(client, kind, reference)


def remove(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Bring what a resource leaves behind one call nearer to its end; only of kinds whose row has `leaves_behind`.

    Returns:
        Whether something of it is still there, so that it must be called again.

    Raises:
        AwsCallError: AWS refused a call.
    """
    return _protocol(kind).remove(client, kind, reference) if kind.leaves_behind else False


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Yield reference and ARN of every running resource, or of those whose name holds ``name_contains``.

    The last part of a reference (after the last slash) is the name that the resource's attempt record has.

    There are none of a kind that costs nothing (it has no List operation in its row).

    Raises:
        AwsCallError: AWS refused a call.
    """
    if not kind.list:
        return iter(())
    return _protocol(kind).running(client, kind, name_contains)


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Return the tags of a resource that `running` has found.

    Raises:
        AwsCallError: AWS refused the call.
    """
    return _protocol(kind).tags(client, kind, arn)


def last_log_lines(logs_client: Any, kind: ResourceKind, name: str, limit: int = 20) -> list[str]:
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


def _protocol(kind: ResourceKind) -> JobProtocol:
    return cast("JobProtocol", import_module(_PROTOCOLS[kind.protocol]))
