"""From an Airflow connection to boto3 clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AwsConnection:
    """Which AWS a step talks to; travels whole from the operator to its trigger.

    Attributes:
        aws_conn_id: Airflow connection, ``None`` for boto3's own credential chain.
        region_name: AWS region; ``None`` for that of the connection or the environment.
        verify: Whether to verify TLS certificates, or a path of a CA bundle; ``None`` for boto3's default.
        botocore_config: Arguments of ``botocore.config.Config``.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] | None = None

    def as_arguments(self) -> dict[str, Any]:
        """Return the fields as plain JSON, from which ``AwsConnection(**…)`` makes an equal one."""
        return asdict(self)

    def client(self, service: str) -> Any:
        """Return a boto3 client; for some minutes the same one for each connection and service in a process.

        Args:
            service: boto3's name of the service, e.g. ``sagemaker``.
        """
        key = (repr(self), service)
        with _lock:
            made_at, client = _clients.get(key, (-_CLIENT_LIFETIME, None))
            if client is None or time.monotonic() - made_at > _CLIENT_LIFETIME:
                client = self._new_client(service)
                _clients[key] = (time.monotonic(), client)
            return client

    def _new_client(self, service: str) -> Any:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
        from botocore.config import Config

        hook: AwsGenericHook[Any] = AwsGenericHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=Config(**self.botocore_config) if self.botocore_config else None,
            client_type=service,
        )
        return hook.get_client_type()


# A triggerer lives for weeks: changed credentials of a connection are to reach it without a restart.
_CLIENT_LIFETIME = 900.0
_clients: dict[tuple[str, str], tuple[float, Any]] = {}
_lock = threading.Lock()
