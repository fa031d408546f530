from __future__ import annotations

from airflow_sm_pipelines.aws.authorization import Account
from airflow_sm_pipelines.preview.permissions.text import as_text
from tests.preview.permissions.conftest import get, processing


def test_each_action_stands_with_its_reason_above_its_resources(needed):
    lines = as_text(needed(processing("A"))).splitlines()

    first = next(index for index, line in enumerate(lines) if "CreateProcessingJob" in line)
    assert lines[0] == "In partition aws, region eu-west-1, account 123456789012"
    assert lines[first].split("  to ")[1] == "create the processing job"
    assert "        on arn:aws:sagemaker:eu-west-1:123456789012:processing-job/pipelines-*" in lines


def test_a_condition_stands_beside_its_resource(needed):
    text = as_text(needed(processing("A")))

    assert "role/Jobs if iam:PassedToService is sagemaker.amazonaws.com" in text


def test_what_is_not_known_is_said(needed):
    step = {"Name": "A", "Type": "Lambda", "FunctionArn": get("Parameters.F"), "Arguments": {}}

    text = as_text(needed(step, account=Account(), Parameters=[{"Name": "F", "Type": "String"}]))

    assert text.startswith("In any account")
    assert "unknown: Parameters.F (the parameter has no default" in text


def test_a_step_that_needs_nothing_says_so(needed):
    text = as_text(needed({"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}))

    assert "  A  Fail\n    nothing" in text
