"""Which AWS a step talks to, and the boto3 clients that a process keeps for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

from airflow_sm_pipelines.definition.json_values import JsonObject

if TYPE_CHECKING:
    from botocore.client import BaseClient


@dataclass(frozen=True, slots=True)
class AwsConnection:
    """Which AWS a step talks to; travels whole from the operator to its trigger.

    Attributes:
        aws_conn_id: Airflow connection, ``None`` for boto3's own credential chain.
        region_name: AWS region; ``None`` for that of the connection or the environment.
        verify: Whether to verify TLS certificates, or a path of a CA bundle; ``None`` for boto3's default.
        botocore_config: Arguments of ``botocore.config.Config``.
        assume_role_arn: IAM role that makes the calls; the connection's credentials assume it. ``None`` for those
            credentials themselves.
        limits: Arguments of ``botocore.config.Config`` for all connections of a class; what connection and step say
            counts more.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] | None = None
    assume_role_arn: str | None = None

    limits: ClassVar[Mapping[str, Any]] = {}

    def as_arguments(self) -> JsonObject:
        """Return the fields as JSON, for a trigger to store."""
        return asdict(self)

    @classmethod
    def from_arguments(cls, stored: Mapping[str, Any]) -> Self:
        """Return the connection that this or another version has stored.

        Args:
            stored: The fields. Those that only another version knows are left out.
        """
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def client(self, service: str) -> BaseClient:
        """Return a boto3 client; the process keeps it for some minutes for each connection and service.

        Args:
            service: boto3's name of the service, e.g. ``sagemaker``.

        Raises:
            CallNotMadeError: The connection, the region or the credentials are missing or wrong.
            airflow.sdk.exceptions.AirflowRuntimeError: Airflow's API server was away when it was asked.
            AwsCallError: The call for the role's credentials was refused.
        """
        key = (repr(self), service)
        with _lock:
            kept = _clients.setdefault(key, _KeptClient())
        with kept.lock:  # of this client alone: others must not wait for a connection that hangs
            if kept.client is None or time.monotonic() - kept.made_at > _CLIENT_LIFETIME:
                kept.client, kept.made_at = self._new_client(service), time.monotonic()
            return kept.client

    def _new_client(self, service: str) -> BaseClient:
        # Only worker and triggerer call AWS, and every DAG file loads this module.
        from airflow_sm_pipelines.execution.clients import new_client

        return new_client(self, service)


# A triggerer runs for weeks: changed credentials of a connection must reach it without a restart.
_CLIENT_LIFETIME = 900.0


@dataclass(slots=True)
class _KeptClient:
    """A client, and the lock under which it is made.

    Attributes:
        lock: Held while the client is made.
        client: The client, ``None`` until it is made.
        made_at: When it was made, in seconds of the monotonic clock.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    client: BaseClient | None = None
    made_at: float = 0.0


_clients: dict[tuple[str, str], _KeptClient] = {}
_lock = threading.Lock()
"""Guards the table alone; held for no call."""


def forget_clients() -> None:
    """Drop all clients, because the environment now leads to another AWS."""
    with _lock:
        _clients.clear()
