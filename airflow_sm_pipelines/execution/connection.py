"""From an Airflow connection to boto3 clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from airflow_sm_pipelines.aws.calls import refusals
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError
from airflow_sm_pipelines.execution.airflow_internals.log_silence import connecting_silently
from airflow_sm_pipelines.execution.airflow_internals.worker import connection_exists
from airflow_sm_pipelines.execution.daemon_threads import MOST_THREADS

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from botocore.client import BaseClient

_USUAL_CONNECTION = "aws_default"
"""The amazon provider's default; deployments that use boto3's own credential chain often have no such connection."""


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
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] | None = None
    assume_role_arn: str | None = None

    _limits: ClassVar[Mapping[str, Any]] = {}

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
        from botocore.config import Config

        with connecting_silently(), self._faults(service), refusals("AssumeRole"):
            hook = self._hook(service)
            while self.aws_conn_id is not None and not hook.conn_config and connection_exists(self.aws_conn_id):
                hook = self._hook(service)  # an outage of Airflow's API server hid it
            # The hook goes on with the worker's own credentials then: those may be for another account.
            if self.aws_conn_id not in (None, _USUAL_CONNECTION) and not hook.conn_config:
                raise CallNotMadeError(
                    f"Airflow connection {self.aws_conn_id!r} does not exist; create it (`airflow connections add "
                    f"{self.aws_conn_id} --conn-type aws`), or give the name of another as `aws_conn_id`"
                )
            config = Config(**self._limits).merge(hook.config).merge(Config(**_DEMANDS.get(service, {})))
            client = hook.get_client_type(config=config)
            has_role = self.assume_role_arn or hook.conn_config.role_arn
            if not has_role and hook.get_session().get_credentials() is None:
                raise CallNotMadeError(
                    f"no AWS credentials: {self._source()} has none; give it an access key or a role, or give the "
                    "worker's environment credentials that boto3 finds"
                )
            return client

    def _hook(self, service: str) -> AwsGenericHook[Any]:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
        from botocore.config import Config

        from airflow_sm_pipelines.execution.assumed_role import assuming_hook

        make = partial(assuming_hook, self.assume_role_arn) if self.assume_role_arn else AwsGenericHook
        return make(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=Config(**self.botocore_config) if self.botocore_config else None,
            client_type=service,
        )

    @contextmanager
    def _faults(self, service: str) -> Iterator[None]:
        """Turn errors of the configuration into one that says where to set what is missing or wrong."""
        from botocore import __version__, exceptions

        try:
            yield
        except AwsCallError as error:
            if not isinstance(error.__cause__, exceptions.BotoCoreError) or error.exception_type:
                raise
            wrong = error.__cause__
            if isinstance(wrong, exceptions.NoRegionError):
                message = (
                    f"no AWS region: {self._source()} gives none; set `region_name`, in pipeline_dag() or in the "
                    "connection's extra, or AWS_DEFAULT_REGION in the worker's environment"
                )
            elif isinstance(wrong, exceptions.UnknownServiceError):
                message = (
                    f"the installed botocore {__version__} does not know the service {service}; install a newer one "
                    "where the task runs: pip install --upgrade boto3"
                )
            else:
                message = f"cannot reach AWS with {self._source()}: {wrong}{_ADVICE.get(type(wrong).__name__, '')}"
            raise CallNotMadeError(message) from wrong
        except (TypeError, ValueError) as error:  # unknown options of botocore, an endpoint that is no URL
            raise CallNotMadeError(f"cannot reach AWS with {self._source()}: {error}") from error

    def _source(self) -> str:
        """Where credentials and region come from."""
        role = f", which is to assume {self.assume_role_arn}" if self.assume_role_arn else ""
        if self.aws_conn_id is None:
            return f"boto3's own configuration on the worker (aws_conn_id is None){role}"
        return f"Airflow connection {self.aws_conn_id!r}{role}"


@dataclass(frozen=True, slots=True)
class ConnectionInTriggerer(AwsConnection):
    """The same, as triggers use it: a server that does not answer must not hold the threads of many.

    What connection and step say in ``botocore_config`` counts more.
    """

    _limits: ClassVar[Mapping[str, Any]] = {
        "connect_timeout": 5,
        "read_timeout": 10,
        "retries": {"total_max_attempts": 2, "mode": "standard"},
        "max_pool_connections": MOST_THREADS,
    }


_ADVICE = {
    "ProfileNotFound": "; a profile is named by `profile_name` in the connection's extra, or by AWS_PROFILE in the "
    "worker's environment, and must be in the worker's ~/.aws/config",
    "PartialCredentialsError": "; access key and secret key go together",
    "NoCredentialsError": "; give it an access key or a role, or give the worker's environment credentials that boto3 "
    "finds",
}
"""What to do about errors of botocore, by their class."""

_DEMANDS: Mapping[str, Mapping[str, Any]] = {
    # An answer may take 15 minutes, over a connection that is silent until then; and no call is sent a second time.
    "lambda": {"read_timeout": 930, "tcp_keepalive": True, "retries": {"total_max_attempts": 1}},
}
"""What a service needs of ``botocore.config.Config``, whatever connection and step say."""

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
