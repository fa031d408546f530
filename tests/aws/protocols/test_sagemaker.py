"""Model customization jobs over a stubbed API; `tests/operators/test_job.py` tries them against the local AWS."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.model import OperationNotFoundError
from botocore.stub import Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import MODEL_CUSTOMIZATION_JOB as KIND
from airflow_sm_pipelines.errors import AwsCallError

REQUEST = {
    "JobName": "tune",
    "JobCategory": "AgentRFT",
    "RoleArn": "arn:aws:iam::123456789012:role/Pipeline",
    "JobConfigSchemaVersion": "1.0.0",
    "JobConfigDocument": "{}",
}


def test_a_job_that_is_there_is_ours(sagemaker_client: Any) -> None:
    with Stubber(sagemaker_client) as stubber:
        stubber.add_client_error("create_job", "ResourceInUse", "exists")

        assert jobs.create(sagemaker_client, KIND, REQUEST) == jobs.Creation(False, "AgentRFT/tune")


def test_a_job_that_is_refused_is_an_error(sagemaker_client: Any) -> None:
    with Stubber(sagemaker_client) as stubber:
        stubber.add_client_error("create_job", "ResourceLimitExceeded", "too many")

        with pytest.raises(AwsCallError, match="too many") as caught:
            jobs.create(sagemaker_client, KIND, REQUEST)

    assert caught.value.exception_type == "SageMaker.RESOURCE_LIMIT"


def test_a_job_is_described_by_category_and_name(sagemaker_client: Any) -> None:
    with Stubber(sagemaker_client) as stubber:
        asked = {"JobName": "tune", "JobCategory": "AgentRFT"}
        stubber.add_client_error("describe_job", "ResourceNotFound", "gone", expected_params=asked)

        assert jobs.observe(sagemaker_client, KIND, "AgentRFT/tune") is None


def test_a_job_that_was_never_asked_for_is_not_stopped(sagemaker_client: Any) -> None:
    assert jobs.stop(sagemaker_client, KIND, "") is False


def test_a_botocore_without_the_operations_cannot_look_for_them() -> None:
    class Model:
        service_name = "sagemaker"

        def operation_model(self, name: str) -> Any:
            raise OperationNotFoundError(name)

    client = SimpleNamespace(meta=SimpleNamespace(service_model=Model()))

    with pytest.raises(AwsCallError, match="has no operation ListJobs of sagemaker; install a newer one"):
        list(jobs.running(client, KIND))
