"""References to functions: by name, ARN or partial ARN, each with or without a version or alias."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.settings import ACCOUNT_ID

LATEST = "$LATEST"

_REFERENCE = re.compile(
    r"(arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?"
    r"((?P<account>\d{12}):)?"
    r"(function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(:(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A reference to a version of a function.

    Attributes:
        region: AWS region.
        name: Name of the function.
        qualifier: A version or an alias; empty if the caller names none.
    """

    region: str
    name: str
    qualifier: str = ""

    @property
    def key(self) -> str:
        """Key of the function in the table."""
        return f"{self.region}/{self.name}"

    @property
    def arn(self) -> str:
        """The ARN, with the qualifier if there is one."""
        arn = f"arn:aws:lambda:{self.region}:{ACCOUNT_ID}:function:{self.name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn

    def not_found(self) -> AwsError:
        """Return the error for a function, version or alias that does not exist."""
        return AwsError("ResourceNotFoundException", f"Function not found: {self.arn}", 404)


def read_reference(text: str, region: str, qualifier: str | None = None) -> FunctionReference:
    """Read what a request calls ``FunctionName``.

    Args:
        text: A name, ARN or partial ARN.
        region: The request's region.
        qualifier: The request's own ``Qualifier``.

    Raises:
        AwsError: It is none of these, names another region or account, or two different versions.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise AwsError("InvalidParameterValueException", f"{text} is no name and no ARN of a function")
    if found["region"] not in (None, region):
        message = f"Functions from '{found['region']}' are not reachable in this region ('{region}')"
        raise AwsError("ResourceNotFoundException", message, 404)
    if found["account"] not in (None, ACCOUNT_ID):
        message = f"{text} belongs to account {found['account']}; the local AWS is account {ACCOUNT_ID}"
        raise AwsError("AccessDeniedException", message, 403)
    named = found["qualifier"]
    if named and qualifier and named != qualifier:
        message = "The derived qualifier from the function name does not match the specified qualifier."
        raise AwsError("InvalidParameterValueException", message)
    return FunctionReference(region, found["name"], named or qualifier or "")
