"""An IAM role that a step assumes with the credentials of its Airflow connection; runs in the worker and the triggerer.

A connection can assume a role by itself (``role_arn`` in its extra). A role of a step's own saves a connection for each
account: those that share pipelines, data or limits usually trust one principal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from boto3.session import Session

SESSION_NAME = "airflow-sm-pipelines"
"""Name of the role's session; CloudTrail and ``AssumedRoleUser`` show it."""

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+")


def is_role_arn(value: object) -> bool:
    """Tell whether a value is the ARN of an IAM role."""
    return isinstance(value, str) and _ROLE_ARN.fullmatch(value) is not None


def assuming_hook(role_arn: str, **arguments: Any) -> AwsGenericHook[Any]:
    """Return a hook whose clients have the credentials of a role.

    Args:
        role_arn: ARN of the role.
        arguments: Arguments of ``AwsGenericHook``: the connection whose credentials assume the role, and the rest.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    class AssumingHook(AwsGenericHook[Any]):
        """The hook of a connection, with a role on top."""

        def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Session:
            own = super().get_session(region_name, deferrable)
            endpoint_url = self.conn_config.get_service_endpoint_url("sts", sts_connection_assume=True)
            sts = own.client("sts", config=self.config, endpoint_url=endpoint_url, verify=self.verify)
            return _session_of_role(sts, role_arn, own.region_name)

    return AssumingHook(**arguments)


def _session_of_role(sts: Any, role_arn: str, region_name: str | None) -> Session:
    """Return a session whose credentials are renewed before they expire, as the hook does for a connection's role."""
    from boto3.session import Session
    from botocore.credentials import RefreshableCredentials
    from botocore.session import get_session

    def assume() -> dict[str, str]:
        found = sts.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)["Credentials"]
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }

    core: Any = get_session()
    core._credentials = RefreshableCredentials.create_from_metadata(assume(), assume, "sts-assume-role")
    return Session(botocore_session=core, region_name=region_name)
