"""Links from a task in the Airflow UI: to its resource in the AWS console, and to the run that its result is from.

Airflow calls ``get_link`` in the worker when a try ends or defers, and keeps the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from airflow_sm_pipelines.aws.kinds import ResourceKind

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
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


def _job_of(operator: BaseOperator) -> JobReference | None:
    job: JobReference | None = getattr(operator, "job", None)
    return job


class JobConsoleLink(BaseOperatorLink):
    """The resource's page in the SageMaker console."""

    name = "SageMaker console"

    def get_link(self, operator: BaseOperator, *, ti_key: object) -> str:
        """Return the URL; empty before there is a resource."""
        job = _job_of(operator)
        return job.console_url() if job else ""


class EmrConsoleLink(JobConsoleLink):
    """The resource's page in the EMR console, which also shows its logs."""

    name = "EMR console"


class JobLogsLink(BaseOperatorLink):
    """The resource's log streams in CloudWatch."""

    name = "CloudWatch logs"

    def get_link(self, operator: BaseOperator, *, ti_key: object) -> str:
        """Return the URL; empty before there is a resource."""
        job = _job_of(operator)
        return job.logs_url() if job else ""


class CacheSourceLink(BaseOperatorLink):
    """The task of the earlier run whose result the step has reused.

    Only a step with an enabled ``CacheConfig`` has this link.
    """

    name = "Reused run"

    def get_link(self, operator: BaseOperator, *, ti_key: object) -> str:
        """Return the address of the page in this Airflow; empty if the step has run."""
        run_id: str = getattr(operator, "reused_run", "")
        if not run_id:
            return ""
        base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
        page = "/".join(quote(part, safe="") for part in (operator.dag_id, "runs", run_id, "tasks", operator.task_id))
        return f"{base}/dags/{page}"
