"""Calls to AWS, and the one error of all their refusals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.calls import call, input_shape
from airflow_sm_pipelines.errors import AwsCallError


def client_that_raises(sagemaker_client: Any, error: Exception) -> Any:
    def list_jobs(**_: Any) -> None:
        raise error

    return SimpleNamespace(meta=sagemaker_client.meta, list_processing_jobs=list_jobs)


def test_an_answer_with_an_error_is_a_refusal_of_aws(sagemaker_client: Any, client_error: Any) -> None:
    client = client_that_raises(sagemaker_client, client_error("ThrottlingException", "Rate exceeded"))

    with pytest.raises(AwsCallError) as caught:
        call(client, "ListProcessingJobs", {})

    assert caught.value.exception_type == "Step.THROTTLING"
    assert caught.value.in_words() == "AWS refused ListProcessingJobs: ThrottlingException: Rate exceeded"


def test_an_aws_that_does_not_answer_is_a_service_fault_and_no_refusal(sagemaker_client: Any) -> None:
    from botocore.exceptions import EndpointConnectionError

    client = client_that_raises(sagemaker_client, EndpointConnectionError(endpoint_url="http://x"))

    with pytest.raises(AwsCallError) as caught:
        call(client, "ListProcessingJobs", {})

    assert caught.value.exception_type == "Step.SERVICE_FAULT"
    assert caught.value.in_words() == (
        "AWS did not answer ListProcessingJobs: EndpointConnectionError: "
        'Could not connect to the endpoint URL: "http://x"'
    )


def test_an_operation_that_botocore_lacks_is_named_with_what_to_upgrade(sagemaker_client: Any) -> None:
    import botocore

    for ask in (
        lambda: call(sagemaker_client, "CreateFuture", {}),
        lambda: input_shape(sagemaker_client, "CreateFuture"),
    ):
        with pytest.raises(AwsCallError) as caught:
            ask()
        assert caught.value.exception_type is None
        assert caught.value.message == (
            f"the installed botocore {botocore.__version__} has no operation CreateFuture of sagemaker; "
            "install a newer one where the task runs: pip install --upgrade boto3"
        )


def test_the_model_of_an_operation_is_botocores(sagemaker_client: Any) -> None:
    assert "ProcessingJobName" in input_shape(sagemaker_client, "CreateProcessingJob").members
