from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.models import PropertyFile, Step
from airflow_sm_pipelines.definition.property_files import property_file_uri
from airflow_sm_pipelines.errors import EvaluationError

STEP = Step("Evaluate", "Processing", {}, property_files=(PropertyFile("Report", "out", "nested/report.json"),))


def properties(name):
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": name, "S3Output": {"S3Uri": "s3://bucket/run/"}}]}}


def test_a_property_file_is_where_the_finished_job_says_that_its_output_is():
    assert property_file_uri(STEP, "Report", properties("out")) == "s3://bucket/run/nested/report.json"


def test_a_job_without_the_output_has_no_such_file():
    with pytest.raises(EvaluationError) as caught:
        property_file_uri(STEP, "Report", properties("other"))
    assert caught.value.reference == "Steps.Evaluate.PropertyFiles.Report"
