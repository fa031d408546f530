"""Where a demo runs, and what a demo is."""

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

    def client(self, service: str, *, endpoint_url: str | None = None) -> BaseClient:
        """Return a boto3 client of the local AWS.

        Args:
            service: boto3's name of the service.
            endpoint_url: Another address that answers in its place.
        """
        return self.aws.client(service, endpoint_url=endpoint_url)


@dataclass(frozen=True, slots=True)
class Demo:
    """An example with what surrounds its run.

    Attributes:
        example: The example.
        surroundings: Makes what the pipeline expects to find, beside its bucket and scripts, and gives the values of
            the parameters that say where it is.
        results: Says what an ended run has made, as lines for people; takes the stage, the run's id and the largest
            error that it accepted.
    """

    example: Example
    surroundings: Callable[[Stage], AbstractContextManager[Mapping[str, Any]]]
    results: Callable[[Stage, str, float], Iterable[str]]
