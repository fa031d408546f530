"""Reasons and error codes as SageMaker's retry exception types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.aws.failures import (
    exception_type_of_error,
    exception_type_of_reason,
    says_absent,
    says_denied,
    says_present,
    who_stopped,
)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML "
            "instance type.",
            "SageMaker.CAPACITY_ERROR",
        ),
        ("Insufficient capacity for ml.p3.2xlarge", "SageMaker.CAPACITY_ERROR"),
        ("ResourceLimitExceeded: The account-level service limit is 0 Instances", "SageMaker.RESOURCE_LIMIT"),
        ("The account-level service limit 'ml.p3 for processing job usage' is 0", "SageMaker.RESOURCE_LIMIT"),
        ("InternalServerError: We encountered an internal error.  Please try again.", "SageMaker.JOB_INTERNAL_ERROR"),
        ("We encountered an internal error. Please try again.", "SageMaker.JOB_INTERNAL_ERROR"),
        ("EC2 provisioning - Insufficient Instance Capacity", "SageMaker.CAPACITY_ERROR"),
        ("VALIDATION_ERROR: Throttled from Amazon EC2 while launching cluster", "Step.THROTTLING"),
        ("Failed to provision instances due to throttling from Amazon EC2", "Step.THROTTLING"),
        ("INTERNAL_ERROR: Failed to start the job flow due to an internal error", "SageMaker.JOB_INTERNAL_ERROR"),
        ("STEP_FAILURE: Shut down as step failed", None),
        ("AlgorithmError: , exit code: 1", None),
        ("AlgorithmError: my script printed InternalError: oops", None),
        ("ClientError: Please use an instance type with more memory, or reduce the size of data", None),
        ("", None),
    ],
)
def test_the_type_of_a_failure_reason(reason: str, expected: str | None) -> None:
    assert exception_type_of_reason(reason) == expected


@pytest.mark.parametrize(
    ("code", "http_status", "expected"),
    [
        ("ThrottlingException", 400, "Step.THROTTLING"),
        ("Throttling", 400, "Step.THROTTLING"),
        ("RequestLimitExceeded", 503, "Step.THROTTLING"),
        ("TooManyRequestsException", 429, "Step.THROTTLING"),
        ("SlowDown", 503, "Step.THROTTLING"),
        ("ResourceLimitExceeded", 400, "SageMaker.RESOURCE_LIMIT"),
        ("InternalFailure", 500, "Step.SERVICE_FAULT"),
        ("ServiceUnavailable", 0, "Step.SERVICE_FAULT"),
        ("SomethingNobodyHasSeen", 500, "Step.SERVICE_FAULT"),
        ("SomethingNobodyHasSeen", 502, "Step.SERVICE_FAULT"),
        ("SomethingNobodyHasSeen", 499, None),
        ("AccessDeniedException", 400, None),
        ("ValidationException", 400, None),
        ("Unknown", 0, None),
    ],
)
def test_the_type_of_a_refused_call(code: str, http_status: int, expected: str | None) -> None:
    assert exception_type_of_error(code, http_status) == expected


@pytest.mark.parametrize(
    ("code", "message", "absent"),
    [
        ("ResourceNotFound", "", True),
        ("ResourceNotFoundException", "The specified log group does not exist.", True),
        ("ValidationException", "Could not find requested job with name: arn:aws:…", True),
        ("ValidationException", "1 validation error detected: Value 'x' failed to satisfy constraint", False),
        ("InvalidRequestException", "Step id 's-1' is not valid.", True),
        ("InvalidRequestException", "Cluster id 'j-1' does not exist", True),
        ("InvalidRequestException", "Instance fleet may only be modified when the cluster is running", False),
        ("AccessDeniedException", "not found in your policies", False),
    ],
)
def test_what_means_that_a_resource_does_not_exist(code: str, message: str, absent: bool) -> None:
    assert says_absent(code, message) is absent


@pytest.mark.parametrize(
    ("code", "message", "present"),
    [
        ("ResourceInUse", "", True),
        ("ValidationException", "Job name must be unique within an AWS account and region", True),
        ("ValidationException", 'Cannot create already existing model "arn:aws:…".', True),
        ("ValidationException", "The image does not exist", False),
        ("ResourceLimitExceeded", "already exists", False),
    ],
)
def test_what_means_that_a_name_is_taken(code: str, message: str, present: bool) -> None:
    assert says_present(code, message) is present


@pytest.mark.parametrize(
    ("code", "denied"),
    [("AccessDeniedException", True), ("AccessDenied", True), ("ThrottlingException", False), ("", False)],
)
def test_what_means_that_a_permission_is_missing(code: str, denied: bool) -> None:
    assert says_denied(code) is denied


START = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("description", "who"),
    [
        (
            {"SecondaryStatus": "MaxRuntimeExceeded"},
            "AWS stopped it: it ran longer than its StoppingCondition.MaxRuntimeInSeconds",
        ),
        (
            {"SecondaryStatus": "MaxWaitTimeExceeded"},
            "AWS stopped it: it took longer than its StoppingCondition.MaxWaitTimeInSeconds",
        ),
        ({"SecondaryStatus": "Interrupted"}, "AWS stopped it: its managed spot instances were interrupted"),
        (
            {
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "ProcessingStartTime": START,
                "ProcessingEndTime": START + timedelta(seconds=61),
            },
            "AWS stopped it: it ran longer than its StoppingCondition.MaxRuntimeInSeconds",
        ),
        (
            {
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "TrainingStartTime": START,
                "TrainingEndTime": START + timedelta(seconds=59),
                "SecondaryStatus": "Stopped",
            },
            "AWS does not say who stopped it; this task did not. CloudTrail records calls of StopTrainingJob",
        ),
        ({}, "AWS does not say who stopped it; this task did not. CloudTrail records calls of StopTrainingJob"),
    ],
)
def test_who_stopped_a_job_as_far_as_aws_knows(description: dict[str, Any], who: str) -> None:
    assert who_stopped(description, "StopTrainingJob") == who
