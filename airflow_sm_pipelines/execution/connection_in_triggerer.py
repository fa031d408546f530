"""Which AWS a trigger talks to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.daemon_threads import MOST_THREADS


@dataclass(frozen=True, slots=True)
class ConnectionInTriggerer(AwsConnection):
    """The same, as triggers use it: a server that does not answer must not hold the threads of many.

    What connection and step say in ``botocore_config`` counts more.
    """

    limits: ClassVar[Mapping[str, Any]] = {
        "connect_timeout": 5,
        "read_timeout": 10,
        "retries": {"total_max_attempts": 2, "mode": "standard"},
        "max_pool_connections": MOST_THREADS,
    }
