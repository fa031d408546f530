"""A step's resource as the links of its task show it: where its pages are in the AWS console; runs in the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_sm_pipelines.aws.kinds import ResourceKind

if TYPE_CHECKING:
    from botocore.client import BaseClient

_PARTITION_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


@dataclass(frozen=True, slots=True)
class JobReference:
    """What the links show of a resource.

    Attributes:
        kind: Its row.
        name: Its name.
        region: AWS region it lives in.
        partition: AWS partition; empty behind a custom endpoint, where there is no console.
    """

    kind: ResourceKind
    name: str
    region: str
    partition: str

    @classmethod
    def of(cls, client: BaseClient, kind: ResourceKind, name: str) -> JobReference:
        """Return the reference of a resource, with region and partition taken from a boto3 client."""
        meta = client.meta
        behind_aws = ".amazonaws." in str(meta.endpoint_url)
        return cls(kind, name, str(meta.region_name), str(meta.partition) if behind_aws else "")

    def console_url(self) -> str:
        """Return the URL of the resource's page; empty where there is no console."""
        if self.partition not in _PARTITION_CONSOLES:
            return ""
        first, last = self.name.partition("/")[0], self.name.rpartition("/")[2]
        path = self.kind.console_path.format(
            name=quote(self.name), first=quote(first), last=quote(last), region=self.region
        )
        if path.startswith("/"):  # of another service's console
            return f"https://{self.region}.{_PARTITION_CONSOLES[self.partition]}{path}"
        return (
            f"https://{self.region}.{_PARTITION_CONSOLES[self.partition]}/sagemaker/home?region={self.region}#/{path}"
        )

    def logs_url(self) -> str:
        """Return the URL of the resource's log streams; empty where there is no console or no log."""
        if self.partition not in _PARTITION_CONSOLES or not self.kind.log_group:
            return ""
        group, prefix = quote(self.kind.log_group, safe=""), quote(self.name, safe="")
        return (
            f"https://{self.region}.{_PARTITION_CONSOLES[self.partition]}/cloudwatch/home?region={self.region}"
            f"#logStream:group={group};prefix={prefix};streamFilter=typeLogStreamPrefix"
        )
