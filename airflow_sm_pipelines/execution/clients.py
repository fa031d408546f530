"""From an Airflow connection to a boto3 client; runs in the worker and the triggerer.

The amazon provider's hook reads the connection and makes the session. We make the client from that session ourselves:
the hook's own way looks through the source of every frame of the call stack, for a name to put into the user agent,
and that takes longer than all else that a client needs (``AwsGenericHook._get_caller``; 100 ms of processor time).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines import __version__
from airflow_sm_pipelines.aws.calls import refusals
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError
from airflow_sm_pipelines.execution.airflow_internals.log_silence import connecting_silently
from airflow_sm_pipelines.execution.airflow_internals.worker import connection_exists

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from botocore.client import BaseClient
    from botocore.config import Config

    from airflow_sm_pipelines.execution.connection import AwsConnection

_USUAL_CONNECTION = "aws_default"
"""The amazon provider's default; deployments that use boto3's own credential chain often have no such connection."""

USER_AGENT = f"airflow-sm-pipelines/{__version__}"
"""What our calls add to boto3's user agent: CloudTrail shows it with every call."""


def new_client(connection: AwsConnection, service: str) -> BaseClient:
    """Return a new boto3 client.

    Args:
        connection: Which AWS it is for.
        service: boto3's name of the service, e.g. ``sagemaker``.

    Raises:
        CallNotMadeError: The connection, the region or the credentials are missing or wrong.
        airflow.sdk.exceptions.AirflowRuntimeError: Airflow's API server was away when it was asked.
        AwsCallError: The call for the role's credentials was refused.
    """
    conn_id = connection.aws_conn_id
    with (
        connecting_silently(),
        _without_garbage_collection(),
        _faults(connection, service),
        refusals("AssumeRole"),
    ):
        hook = _hook(connection)
        while conn_id is not None and not hook.conn_config and connection_exists(conn_id):
            hook = _hook(connection)  # an outage of Airflow's API server hid it
        # The hook goes on with the worker's own credentials then: those may be for another account.
        if conn_id not in (None, _USUAL_CONNECTION) and not hook.conn_config:
            raise CallNotMadeError(
                f"Airflow connection {conn_id!r} does not exist; create it (`airflow connections add "
                f"{conn_id} --conn-type aws`), or give the name of another as `aws_conn_id`"
            )
        session = hook.get_session()
        client = session.client(
            service,
            endpoint_url=hook.conn_config.get_service_endpoint_url(service),
            config=_config(connection, hook, service),
            verify=hook.verify,
        )
        has_role = connection.assume_role_arn or hook.conn_config.role_arn
        if not has_role and session.get_credentials() is None:
            raise CallNotMadeError(
                f"no AWS credentials: {_source(connection)} has none; give it an access key or a role, or give the "
                "worker's environment credentials that boto3 finds"
            )
        return client


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause Python's cyclic garbage collector.

    Loading botocore and its description of a service makes hundreds of thousands of objects that stay. The collector
    looks through them again and again meanwhile, and finds nothing: a sixth of the time of a task process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _hook(connection: AwsConnection) -> AwsGenericHook[Any]:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from botocore.config import Config

    from airflow_sm_pipelines.execution.assumed_role import assuming_hook

    make = partial(assuming_hook, connection.assume_role_arn) if connection.assume_role_arn else AwsGenericHook
    return make(
        aws_conn_id=connection.aws_conn_id,
        region_name=connection.region_name,
        verify=connection.verify,
        config=Config(**connection.botocore_config) if connection.botocore_config else None,
    )


def _config(connection: AwsConnection, hook: AwsGenericHook[Any], service: str) -> Config:
    """Return what connection and step say, with what the service needs, and who calls."""
    from botocore.config import Config

    given = Config(**connection.limits).merge(hook.config)
    agent = " ".join(filter(None, (given.user_agent_extra, USER_AGENT)))
    return given.merge(Config(user_agent_extra=agent, **_DEMANDS.get(service, {})))


@contextmanager
def _faults(connection: AwsConnection, service: str) -> Iterator[None]:
    """Turn errors of the configuration into one that says where to set what is missing or wrong."""
    from botocore import __version__ as botocore_version
    from botocore import exceptions

    try:
        yield
    except AwsCallError as error:
        if not isinstance(error.__cause__, exceptions.BotoCoreError) or error.exception_type:
            raise
        wrong = error.__cause__
        if isinstance(wrong, exceptions.NoRegionError):
            message = (
                f"no AWS region: {_source(connection)} gives none; set `region_name`, in pipeline_dag() or in the "
                "connection's extra, or AWS_DEFAULT_REGION in the worker's environment"
            )
        elif isinstance(wrong, exceptions.UnknownServiceError):
            message = (
                f"the installed botocore {botocore_version} does not know the service {service}; install a newer one "
                "where the task runs: pip install --upgrade boto3"
            )
        else:
            message = f"cannot reach AWS with {_source(connection)}: {wrong}{_ADVICE.get(type(wrong).__name__, '')}"
        raise CallNotMadeError(message) from wrong
    except (TypeError, ValueError) as error:  # unknown options of botocore, an endpoint that is no URL
        raise CallNotMadeError(f"cannot reach AWS with {_source(connection)}: {error}") from error


def _source(connection: AwsConnection) -> str:
    """Where credentials and region come from."""
    role = f", which is to assume {connection.assume_role_arn}" if connection.assume_role_arn else ""
    if connection.aws_conn_id is None:
        return f"boto3's own configuration on the worker (aws_conn_id is None){role}"
    return f"Airflow connection {connection.aws_conn_id!r}{role}"


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
