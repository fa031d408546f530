"""What a demo is, and where it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.demo.examples import Example

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from airflow_sm_pipelines.local.server.local_aws import LocalAws


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an example runs.

    Attributes:
        example: The example.
        airflow: A running Airflow.
        aws: A running local AWS that holds the example's bucket.
    """

    example: Example
    airflow: AirflowProcesses
    aws: LocalAws

    def client(self, service: str) -> BaseClient:
        """Return a boto3 client of the local AWS."""
        return local_client(self.aws, service)


@dataclass(frozen=True, slots=True)
class Demo:
    """An example and its surroundings.

    Attributes:
        example: The example.
        surroundings: Sets up what the pipeline expects beside its bucket and scripts, and yields the parameters that
            name it.
        results: Returns the results of an ended run as lines for people; takes the stage, the run's id and the
            largest error that was accepted.
    """

    example: Example
    surroundings: Callable[[Stage], AbstractContextManager[Mapping[str, object]]]
    results: Callable[[Stage, str, float], Iterable[str]]


def local_client(aws: LocalAws, service: str, endpoint_url: str | None = None) -> BaseClient:
    """Return a boto3 client of a local AWS.

    Args:
        aws: The local AWS.
        service: boto3's name of the service.
        endpoint_url: Another address to send requests to.
    """
    import boto3

    variables = aws.environment()
    session: Any = boto3.Session()
    client: BaseClient = session.client(
        service,
        endpoint_url=endpoint_url or aws.endpoint_url,
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    return client
