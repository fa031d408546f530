"""What a demo is, and where it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.demo.examples import Example
from airflow_sm_pipelines.rehearsal.isolation import local_client

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
