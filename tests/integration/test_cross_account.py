"""Roles that a pipeline and its steps assume: which of them has signed a request, as the AWS behind a proxy knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal
from tests.integration.conftest import Tried
from tests.integration.recording_proxy import Recorded, recording_proxy

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

OF_PIPELINE = "arn:aws:iam::222233334444:role/Pipelines"
OF_TRAINING = "arn:aws:iam::333344445555:role/Training"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "PipelineExperimentConfig": None,
    "Steps": [
        {
            "Name": "Prepare",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {"ClusterConfig": CLUSTER},
                "AppSpecification": {"ImageUri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1"},
            },
        },
        {
            "Name": "Train",
            "Type": "Training",
            "DependsOn": ["Prepare"],
            "Arguments": {
                "AlgorithmSpecification": {
                    "TrainingImage": "123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1",
                    "TrainingInputMode": "File",
                },
                "OutputDataConfig": {"S3OutputPath": "s3://of-the-other-account/models"},
                "ResourceConfig": CLUSTER,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            },
        },
    ],
}


@pytest.fixture
def proxy(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with LocalAws(stand_in=Rehearsal(job_seconds=0.05), sandbox="rewrite") as rehearsing:
        for name, value in rehearsing.environment().items():
            monkeypatch.setenv(name, value)
        with recording_proxy(rehearsing.endpoint_url) as recorded:
            monkeypatch.setenv("AWS_ENDPOINT_URL", recorded.endpoint_url)
            monkeypatch.setattr(connection, "_clients", {})
            yield recorded


def role_of(access_key: str) -> str:
    """The role whose session has an access key; the local AWS's STS, which is moto's, runs in this process."""
    from moto.sts.models import sts_backends

    backends = [sts_backends[account]["aws"] for account in list(sts_backends)]
    found = (backend.get_assumed_role_from_access_key(access_key) for backend in backends)
    return next((str(role.role_arn) for role in found if role is not None), "")


def roles(proxy: Recorded, *operations: str) -> dict[str, set[str]]:
    return {one: {role_of(key) for name, key in proxy.access_keys if name == one} for one in operations}


def test_calls_of_a_pipeline_and_of_a_step_type_are_made_with_the_roles_that_they_assume(
    try_definition: Callable[..., Tried], proxy: Recorded
) -> None:
    tried = try_definition(
        DEFINITION, assume_role_arn=OF_PIPELINE, overrides={"Training": {"assume_role_arn": OF_TRAINING}}
    )

    assert tried.errors == {}
    assert tried.state == "success"
    assert roles(proxy, "CreateProcessingJob", "DescribeProcessingJob", "CreateTrainingJob", "DescribeTrainingJob") == {
        "CreateProcessingJob": {OF_PIPELINE},
        "DescribeProcessingJob": {OF_PIPELINE},
        "CreateTrainingJob": {OF_TRAINING},
        "DescribeTrainingJob": {OF_TRAINING},
    }


def test_without_a_role_the_credentials_of_the_connection_make_the_calls(
    try_definition: Callable[..., Tried], proxy: Recorded
) -> None:
    assert try_definition(DEFINITION).state == "success"
    assert {key for _, key in proxy.access_keys} == {os.environ["AWS_ACCESS_KEY_ID"]}
