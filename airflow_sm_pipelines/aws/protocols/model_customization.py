"""Model customization jobs (CreateJob): like SageMaker's other jobs, but found by category and name together.

A reference is ``<JobCategory>/<JobName>``. Source: API reference, CreateJob, DescribeJob, ListJobs, StopJob.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call, input_shape
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.protocols import sagemaker as sagemaker_resources
from airflow_sm_pipelines.aws.protocols.observations import Observation
from airflow_sm_pipelines.errors import AwsCallError


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Create it; see `airflow_sm_pipelines.aws.jobs.create`."""
    reference = f"{request[kind.parent_member]}/{request[kind.name_member]}"
    try:
        call(client, kind.create, request)
    except AwsCallError as error:
        if says_present(error.code, error.message):
            return False, reference
        raise
    return True, reference


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at it; see `airflow_sm_pipelines.aws.jobs.observe`."""
    try:
        description = call(client, kind.describe, _members(kind, reference))
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise
    return sagemaker_resources.observation_of(kind, description)


def stop(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Stop it; see `airflow_sm_pipelines.aws.jobs.stop`. An empty reference is that of a job not yet asked for."""
    if not reference:
        return False
    return sagemaker_resources.stop_running(
        kind,
        look=lambda: observe(client, kind, reference),
        order=lambda: call(client, kind.stop, _members(kind, reference)),
    )


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Find those of each category that botocore knows; see `airflow_sm_pipelines.aws.jobs.running`."""
    for category in input_shape(client, kind.list).members[kind.parent_member].enum:
        for summary in sagemaker_resources.summaries(client, kind, name_contains, {kind.parent_member: category}):
            yield f"{category}/{summary[kind.name_member]}", str(summary[kind.arn_member])


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Read its tags; see `airflow_sm_pipelines.aws.jobs.tags`."""
    return sagemaker_resources.tags(client, kind, arn)


def _members(kind: ResourceKind, reference: str) -> dict[str, str]:
    category, _, name = reference.partition("/")
    return {kind.parent_member: category, kind.name_member: name}
