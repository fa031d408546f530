"""The Processing step, whole: from the operator to the calls to AWS."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.operators.jobs import ProcessingOperator


def test_its_resource_is_a_processing_job(make_tasks: Any, processing: Any) -> None:
    assert make_tasks(processing("A"))["A"].kind is PROCESSING_JOB
    assert ProcessingOperator.ui_color == PROCESSING_JOB.colour


def test_it_runs_a_job_and_returns_its_properties(
    make_tasks: Any, processing: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: {"sagemaker": sagemaker}[service])
    task = make_tasks(processing("A"))["A"]

    properties = task.execute(context)

    assert properties["ProcessingJobStatus"] == "Completed"
    assert task.request == sagemaker.requests[0]
