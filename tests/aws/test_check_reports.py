"""The report of a check."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.aws.check_reports import UnreadableReportError, in_words, read_violations
from airflow_sm_pipelines.errors import AwsCallError

REPORT = "s3://bucket/out/constraint_violations.json"
WRITTEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREATED = WRITTEN - timedelta(minutes=5)


class FakeS3:
    """GetObject of one object, or of none."""

    def __init__(self, content: str | Exception) -> None:
        self.content = content

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.get_object(Bucket=Bucket, Key=Key)
        return {"LastModified": WRITTEN}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert (Bucket, Key) == ("bucket", "out/constraint_violations.json")
        if isinstance(self.content, Exception):
            raise self.content
        return {"Body": io.BytesIO(self.content.encode())}


def test_a_report_lists_violations() -> None:
    violations = [{"feature_name": "rings"}]
    assert read_violations(FakeS3(json.dumps({"version": 1, "violations": violations})), REPORT, CREATED) == violations
    assert read_violations(FakeS3('{"violations": []}'), REPORT, CREATED) == []


def test_no_report_is_told_from_an_empty_one(client_error: Any) -> None:
    assert read_violations(FakeS3(client_error("NoSuchKey")), REPORT, CREATED) is None


def test_a_report_that_is_older_than_the_job_is_another_jobs() -> None:
    text = '{"violations": [{"feature_name": "rings"}]}'
    assert read_violations(FakeS3(text), REPORT, WRITTEN + timedelta(seconds=1)) is None
    assert read_violations(FakeS3(text), REPORT, WRITTEN + timedelta(seconds=0.9)), "S3 tells whole seconds"


def test_a_report_that_may_not_be_read_is_an_error(client_error: Any) -> None:
    with pytest.raises(AwsCallError, match="AccessDenied"):
        read_violations(FakeS3(client_error("AccessDenied", status=403)), REPORT, CREATED)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"violations": 3}', '{"violations": ["rings"]}'])
def test_something_else_is_no_report(text: str) -> None:
    with pytest.raises(UnreadableReportError, match=r"constraint_violations\.json is not a violation report"):
        read_violations(FakeS3(text), REPORT, CREATED)


def test_each_kind_of_violation_is_one_line() -> None:
    data = {"feature_name": "rings", "constraint_check_type": "data_type_check", "description": "Too many texts."}
    bias = {
        "facet": "Sex",
        "facet_value": 0,
        "metric_name": "CI",
        "constraint_check_type": "bias_drift_check",
        "description": "Value 0.7 does not meet the constraint requirement",
    }
    shap = {"label": "label0", "metric_name": "shap", "constraint_check_type": "feature_attribution_drift_check"}
    metric = {"metric_name": "r2", "constraint_check_type": "LessThanThreshold", "description": "0.5 < 0.6"}
    assert in_words([data, bias, shap, metric]) == [
        "feature_name rings: data_type_check: Too many texts.",
        "facet Sex = 0, metric_name CI: bias_drift_check: Value 0.7 does not meet the constraint requirement",
        "label label0, metric_name shap: feature_attribution_drift_check",
        "metric_name r2: LessThanThreshold: 0.5 < 0.6",
    ]


def test_many_violations_are_counted_and_a_long_one_is_told_to_its_end() -> None:
    lines = in_words([{"feature_name": str(number), "description": "x" * 300} for number in range(12)])
    assert len(lines) == 11
    assert lines[-1] == "and 2 more"
    assert lines[0] == f"feature_name 0: {'x' * 300}"
