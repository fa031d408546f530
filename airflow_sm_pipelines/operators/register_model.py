"""The RegisterModel step."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.kinds import MODEL_PACKAGE
from airflow_sm_pipelines.aws.requests.model_packages import ensure_group, package_request
from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.operators.base import JobOperator


class RegisterModelOperator(JobOperator):
    """Registers a model package; its properties are the DescribeModelPackage response.

    A crash cannot register twice: each attempt has an idempotency token of its own.
    """

    kind = MODEL_PACKAGE
    ui_color = MODEL_PACKAGE.colour

    def complete_request(self, request: dict[str, Any], client: Any) -> dict[str, Any]:
        """Make the package's group if it is missing, and leave out what the API refuses for a version."""
        try:
            if ensure_group(client, request):
                self.log.info("Created model package group %s", request["ModelPackageGroupName"])
        except CallRefusedError as error:
            message = f"cannot make its model package group: {error}"
            raise StepFailedError(self.plan.step.name, message, exception_type=error.exception_type) from error
        return package_request(request)
