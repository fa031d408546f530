"""Links from a task in the Airflow UI: to its resource in the AWS console, and to the run that its result is from.

Airflow calls ``get_link`` in the worker when a try ends or defers, and keeps the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from airflow_sm_pipelines.execution.job_reference import JobReference


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
