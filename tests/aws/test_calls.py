"""Calls to AWS, with one error for all the ways in which a call fails."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from airflow_sm_pipelines.aws.calls import call, call_once, input_shape
from airflow_sm_pipelines.errors import AwsCallError

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"


@pytest.fixture
def answers(sagemaker_client: Any) -> Iterator[Stubber]:
    """The answers of AWS in order; every one of them must be asked for."""
    with Stubber(sagemaker_client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


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


def test_a_refused_call_tells_operation_code_and_message(sagemaker_client: Any, answers: Stubber) -> None:
    answers.add_client_error("describe_processing_job", "AccessDeniedException", "not authorized")

    with pytest.raises(AwsCallError) as caught:
        call(sagemaker_client, "DescribeProcessingJob", {"ProcessingJobName": NAME})

    assert str(caught.value) == "DescribeProcessingJob: AccessDeniedException: not authorized"
    assert caught.value.exception_type is None


def test_throttling_and_service_faults_have_sagemakers_types(sagemaker_client: Any, answers: Stubber) -> None:
    answers.add_client_error("describe_processing_job", "ThrottlingException", "Rate exceeded")
    answers.add_client_error("describe_processing_job", "Oops", "", 503)

    types = []
    for _ in range(2):
        with pytest.raises(AwsCallError) as caught:
            call(sagemaker_client, "DescribeProcessingJob", {"ProcessingJobName": NAME})
        types.append(caught.value.exception_type)

    assert types == ["Step.THROTTLING", "Step.SERVICE_FAULT"]


def test_a_request_that_botocore_rejects_is_refused(sagemaker_client: Any) -> None:
    with pytest.raises(AwsCallError, match="ParamValidationError"):
        call(sagemaker_client, "DescribeProcessingJob", {"Name": NAME})


@pytest.mark.parametrize(
    ("status", "code", "repeated"),
    [
        (None, "", False),  # no answer: AWS may have executed the call
        (500, "InternalFailure", False),
        (503, "ServiceUnavailable", False),
        (400, "ThrottlingException", True),
        (400, "ValidationException", False),
    ],
)
def test_botocore_repeats_a_call_without_a_token_only_if_aws_has_refused_it(
    monkeypatch: pytest.MonkeyPatch, status: int | None, code: str, repeated: bool
) -> None:
    import boto3
    from botocore.exceptions import ReadTimeoutError

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client: Any = boto3.client("emr", region_name="eu-west-1", **keys)
    monkeypatch.setattr(client, "add_job_flow_steps", lambda **_: {"StepIds": []})
    call_once(client, "AddJobFlowSteps", {})

    model = client.meta.service_model.operation_model("AddJobFlowSteps")
    _, pause = client.meta.events.emit_until_response(
        "needs-retry.emr.AddJobFlowSteps",
        response=None
        if status is None
        else (SimpleNamespace(status_code=status, headers={}), {"Error": {"Code": code}}),
        endpoint=None,
        operation=model,
        attempts=1,
        caught_exception=ReadTimeoutError(endpoint_url="") if status is None else None,
        request_dict={"context": {}},
    )

    assert (pause not in (None, False)) is repeated
