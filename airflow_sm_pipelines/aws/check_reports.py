"""The report of a check: ``constraint_violations.json``.

Schemas: developer guide, "Schema for Violations", "Bias Drift Violations", "Model Feature Attribution Drift
Violations"; a model quality check names the metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import Body, call, read_object
from airflow_sm_pipelines.aws.json_answers import read_json
from airflow_sm_pipelines.aws.s3_objects import split_uri
from airflow_sm_pipelines.errors import AwsCallError, SageMakerPipelinesError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_MOST_VIOLATIONS = 10
_SUBJECTS = ("feature_name", "facet", "label", "metric_name")


class UnreadableReportError(SageMakerPipelinesError, ValueError):
    """The report of a check is malformed."""


def read_violations(s3: BaseClient, uri: str, since: datetime) -> list[Body] | None:
    """Return the violations that a report lists, ``None`` if the job has written no report.

    Args:
        s3: A boto3 client for S3.
        uri: S3 URI of the report.
        since: When the job was created: an older report belongs to another job that wrote into the same folder.

    Raises:
        UnreadableReportError: The report is malformed.
        AwsCallError: A call failed.
    """
    bucket, key = split_uri(uri)
    try:
        written = call(s3, "HeadObject", {"Bucket": bucket, "Key": key})["LastModified"]
        if written < since.replace(microsecond=0):  # S3's times are whole seconds
            return None
        body = read_object(s3, bucket, key)
    except AwsCallError as error:
        if error.code in _ABSENT:
            return None
        raise
    try:
        violations = read_json(body)["violations"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableReportError(f"{uri} is not a violation report: {error!r}") from error
    if not isinstance(violations, list) or not all(isinstance(one, dict) for one in violations):
        raise UnreadableReportError(f"{uri} is not a violation report: `violations` is not a list of objects")
    return violations


def in_words(violations: Sequence[Body]) -> list[str]:
    """Return one line for each of the first ten violations, and one that counts the others."""
    lines = [_line(violation) for violation in violations[:_MOST_VIOLATIONS]]
    more = len(violations) - _MOST_VIOLATIONS
    return [*lines, f"and {more} more"] if more > 0 else lines


def _line(violation: Body) -> str:
    """Describe a violation, e.g. ``facet Sex = F, metric_name CI: bias_drift_check: Value 0.7 does not meet …``."""
    values = {name: str(violation[name]) for name in _SUBJECTS if violation.get(name) is not None}
    if "facet" in values and violation.get("facet_value") is not None:
        values["facet"] += f" = {violation['facet_value']}"
    subject = ", ".join(f"{name} {value}" for name, value in values.items())
    description = str(violation.get("description", "")).strip()
    parts = (subject, str(violation.get("constraint_check_type", "")), description)
    return ": ".join(part for part in parts if part)
