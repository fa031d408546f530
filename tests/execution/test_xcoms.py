"""What steps publish, and how others read it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.execution.xcoms import publish_properties, publish_status, read_properties, read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus


def test_properties_are_what_any_task_pulls(context: Any, ti: Any) -> None:
    publish_properties(context, {"ProcessingJobName": "job"})

    assert ti.xcom_pull(task_ids="Step", key="return_value", map_indexes=-1) == {"ProcessingJobName": "job"}
    assert read_properties(context, "Step") == {"ProcessingJobName": "job"}


@pytest.mark.parametrize("status", StepStatus)
def test_a_status_comes_back(context: Any, status: StepStatus) -> None:
    publish_status(context, status)

    assert read_status(context, "Step") is status


def test_what_was_not_published_is_none(context: Any) -> None:
    assert read_properties(context, "Other") is None
    assert read_status(context, "Other") is None
