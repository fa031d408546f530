"""Baselines in the model registry: those of the latest approved version of a group."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.check_types import Baseline, CheckType
from airflow_sm_pipelines.aws.failures import says_absent


def latest_approved(client: Any, group: str) -> str | None:
    """Return the ARN of the latest approved version of a model package group, ``None`` if there is none.

    Args:
        client: A boto3 client for SageMaker.
        group: Name or ARN of the group; a group that does not exist has no versions.

    Raises:
        CallRefusedError: AWS refused the call.
    """
    query = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }
    page: dict[str, Any] = {}
    while True:
        try:
            answer = call(client, "ListModelPackages", {**query, **page})
        except CallRefusedError as error:
            if says_absent(error.code, error.message):
                return None
            raise
        for summary in answer.get("ModelPackageSummaryList", ()):
            return str(summary["ModelPackageArn"])
        if not answer.get("NextToken"):  # a page with a token may be empty
            return None
        page = {"NextToken": answer["NextToken"]}


def registered_baseline(client: Any, package: str, check_type: CheckType) -> Baseline:
    """Return the baseline for drift checks that a model package was registered with; empty if it has none.

    Only ``DriftCheckBaselines`` count (developer guide, "Working with baselines"), not ``ModelMetrics``.

    Args:
        client: A boto3 client for SageMaker.
        package: ARN of the package.
        check_type: Which of its baselines.

    Raises:
        CallRefusedError: AWS refused the call.
    """
    described = call(client, "DescribeModelPackage", {"ModelPackageName": package})
    section = described.get("DriftCheckBaselines", {}).get(check_type.section, {})

    def uri(member: str) -> str:
        return str(section.get(member, {}).get("S3Uri", "")) if member else ""

    return Baseline(uri(check_type.constraints_member), uri(check_type.statistics_member))
