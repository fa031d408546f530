"""What steps publish, and how others read it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.errors import RequestError, StepFailedError
from airflow_sm_pipelines.execution.xcoms import (
    failure_published,
    publish_properties,
    publish_status,
    read_failure,
    read_properties,
    read_status,
)
from airflow_sm_pipelines.semantics.readiness import StepStatus


def test_properties_are_what_any_task_pulls(context: Any, ti: Any) -> None:
    publish_properties(context, {"ProcessingJobName": "job"})

    assert ti.xcom_pull(task_ids="Step", key="return_value", map_indexes=-1) == {"ProcessingJobName": "job"}
    assert read_properties(context, "Step") == {"ProcessingJobName": "job"}


@pytest.mark.parametrize("status", StepStatus)
def test_a_status_comes_back(context: Any, status: StepStatus) -> None:
    publish_status(context, status)

    assert read_status(context, "Step") is status


def test_of_a_mapped_task_one_instance_is_read(context: Any, ti: Any) -> None:
    ti.published_by("Step[1]", {"x": 1})

    assert read_properties(context, "Step", 1) == {"x": 1}
    assert read_properties(context, "Step", 0) is None


@pytest.mark.parametrize("heading", ["errors in its log:", "last lines of its log:"])
def test_an_error_is_published_without_the_log_of_the_job_and_goes_on(context: Any, heading: str) -> None:
    with pytest.raises(StepFailedError), failure_published(context):
        raise StepFailedError("Step", f"AWS refused it: Value 'import sys\n' is not allowed\n{heading}\n    secret")

    assert read_failure(context, "Step") == "AWS refused it: Value 'import sys\n' is not allowed"


def test_the_reason_is_published_to_its_end(context: Any) -> None:
    long = "the job ended Failed: " + "x" * 2000
    with pytest.raises(StepFailedError), failure_published(context):
        raise StepFailedError("Step", long)
    assert read_failure(context, "Step") == long

    faults = RequestError.of_faults("Step", "the resolved request does not fit CreateX", ["A is missing", "B is long"])
    with pytest.raises(RequestError), failure_published(context):
        raise faults
    assert read_failure(context, "Step") == faults.message, "the first line only announces the reasons"


def test_what_was_not_published_is_none(context: Any) -> None:
    assert read_failure(context, "Other") == ""
    assert read_properties(context, "Other") is None
    assert read_status(context, "Other") is None
