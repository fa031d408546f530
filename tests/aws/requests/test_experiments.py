"""Experiment and trial of an execution."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.requests.experiments import ensure_trial


@pytest.fixture
def api() -> Any:
    import boto3

    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_missing_experiment_and_trial_are_created(api: Any) -> None:
    api.add_response("create_experiment", {}, {"ExperimentName": "abalone"})
    api.add_response("create_trial", {}, {"ExperimentName": "abalone", "TrialName": "abcdef012345"})

    ensure_trial(api.client, "abalone", "abcdef012345")


def test_those_that_exist_are_reused(api: Any) -> None:
    taken = "Experiment names must be unique within an AWS account and region."
    api.add_client_error("create_experiment", "ValidationException", taken)
    api.add_client_error("create_trial", "ResourceInUse", "in use")

    ensure_trial(api.client, "abalone", "abcdef012345")


def test_a_refusal_is_not_hidden(api: Any) -> None:
    api.add_client_error("create_experiment", "AccessDeniedException", "no")

    with pytest.raises(CallRefusedError, match="CreateExperiment: AccessDeniedException"):
        ensure_trial(api.client, "abalone", "abcdef012345")
