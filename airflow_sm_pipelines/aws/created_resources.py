"""What steps of an execution in SageMaker created, described again from their ARNs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import find
from airflow_sm_pipelines.aws.jobs import PROTOCOLS
from airflow_sm_pipelines.aws.kinds import MODEL_PACKAGE, ResourceKind
from airflow_sm_pipelines.aws.properties import plain_properties

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from airflow_sm_pipelines.aws.calls import Body


def described_resource(
    kind: ResourceKind, arn: str, arguments: Body, client: Callable[[str], BaseClient]
) -> dict[str, Any] | None:
    """Return the Describe response of a resource as plain JSON, ``None`` if it does not exist any more.

    Args:
        kind: The row of the resource.
        arn: Its ARN.
        arguments: Arguments of the step that created it, which may name what contains it.
        client: Returns a boto3 client of a service.

    Raises:
        AwsCallError: The call failed.
    """
    name = arn.rpartition("/")[2]
    if kind.parent_member:
        name = f"{arguments.get(kind.parent_member)}/{name}"
    reference = arn if kind is MODEL_PACKAGE else name
    service = client(kind.service)
    found = find(service, kind.describe, PROTOCOLS[kind.protocol](service, kind).key_members(reference))
    return None if found is None else plain_properties(found)
