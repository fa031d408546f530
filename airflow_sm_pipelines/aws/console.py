"""Where the AWS console shows what a step has made: its resource, the resource's log, its outputs in S3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.partitions import partition_of

if TYPE_CHECKING:
    from botocore.client import BaseClient

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}
"""The partitions whose console is documented; those of the isolated partitions are not public."""

AWS_DOMAINS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
)
"""What the hosts of AWS's own endpoints end with in those partitions; private endpoints (VPC) are among them."""

_OTHER_LOG_GROUPS = {"endpoint": "/aws/sagemaker/Endpoints/{first}"}
"""Log groups that belong to one resource alone, by its kind (developer guide, "Log groups and streams")."""


def has_log_page(kind: ResourceKind) -> bool:
    """Tell whether the console shows a log of resources of a kind."""
    return bool(kind.log_group or kind.key in _OTHER_LOG_GROUPS)


@dataclass(frozen=True, slots=True)
class AwsPlace:
    """A region of AWS, as the console knows it.

    Attributes:
        region: The region.
        partition: Its partition; empty behind a custom endpoint, where there is no console.
    """

    region: str = ""
    partition: str = ""

    @classmethod
    def of(cls, client: BaseClient) -> AwsPlace:
        """Return the place that a boto3 client talks to."""
        host = urlsplit(str(client.meta.endpoint_url)).hostname or ""
        return cls(str(client.meta.region_name), str(client.meta.partition) if host.endswith(AWS_DOMAINS) else "")

    @classmethod
    def in_region(cls, region: str) -> AwsPlace:
        """Return the place of a region, by its name alone."""
        return cls(region, partition_of(region))

    def sagemaker_url(self, path: str) -> str:
        """Return the URL of a page of SageMaker's console; empty where there is no console.

        Args:
            path: What follows the ``#/``.
        """
        console = self._console
        return f"{console}/sagemaker/home?region={self.region}#/{path}" if console else ""

    def page_url(self, kind: ResourceKind, reference: str) -> str:
        """Return the URL of a resource's page; empty where there is no console.

        Args:
            kind: The resource's row.
            reference: Its reference.
        """
        console = self._console
        if not console:
            return ""
        first, last = reference.partition("/")[0], reference.rpartition("/")[2]
        path = kind.console_path.format(name=quote(reference), first=quote(first), last=quote(last), region=self.region)
        if path.startswith("/"):  # of another service's console
            return f"{console}{path}"
        return self.sagemaker_url(path)

    def logs_url(self, kind: ResourceKind, reference: str) -> str:
        """Return the URL of a resource's log streams; empty where there is no console, or no log.

        Args:
            kind: The resource's row.
            reference: Its reference.
        """
        console = self._console
        if not console:
            return ""
        home = f"{console}/cloudwatch/home?region={self.region}"
        if kind.log_group:
            group, prefix = quote(kind.log_group, safe=""), quote(reference, safe="")
            return f"{home}#logStream:group={group};prefix={prefix};streamFilter=typeLogStreamPrefix"
        own = _OTHER_LOG_GROUPS.get(kind.key, "").format(first=reference.partition("/")[0])
        return f"{home}#logStream:group={quote(own, safe='')}" if own else ""

    def objects_url(self, uris: Sequence[str]) -> str:
        """Return the URL of the folder in S3 that holds all of some URIs, or the first of them if they have none.

        Args:
            uris: S3 URIs of folders and objects.
        """
        folders = [_folder(uri) for uri in uris if uri.startswith("s3://")]
        console = self._console
        if not folders or not console:
            return ""
        if len({bucket for bucket, _ in folders}) > 1:
            folders = folders[:1]
        bucket = folders[0][0]
        key = _shared_folder([key for _, key in folders])
        return f"{console}/s3/buckets/{quote(bucket)}?region={self.region}&prefix={quote(key, safe='')}"

    @property
    def _console(self) -> str:
        host = CONSOLES.get(self.partition, "")
        return f"https://{self.region}.{host}" if host else ""


def _shared_folder(keys: Sequence[str]) -> str:
    """Return the deepest folder that holds all of some folders; each ends with a slash, or is empty."""
    levels = zip(*(key.split("/")[:-1] for key in keys), strict=False)
    shared = list(takewhile(lambda level: len(set(level)) == 1, levels))
    return "".join(f"{level[0]}/" for level in shared)


def _folder(uri: str) -> tuple[str, str]:
    """Return bucket and folder of an S3 URI; a last part with a dot is an object's name."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    last = key.rpartition("/")[2]
    if "." in last:
        key = key[: len(key) - len(last)]
    return bucket, key if not key or key.endswith("/") else f"{key}/"
