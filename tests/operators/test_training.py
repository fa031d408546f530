"""The Training step, and what is a training job in disguise: functions and notebooks of the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from airflow_sm_pipelines.errors import RequestError
from airflow_sm_pipelines.execution.connection import AwsConnection

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The requests that were sent to CreateTrainingJob; each job completes at once."""
    import boto3

    client: Any = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="t", aws_secret_access_key="t")
    requests: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.sagemaker.CreateTrainingJob", lambda params, **_: requests.append(params)
    )
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: client)
    described = {
        "TrainingJobName": "job",
        "TrainingJobArn": ARN,
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": 0,
    }
    with Stubber(client) as stubber:
        stubber.add_response("create_training_job", {"TrainingJobArn": ARN})
        stubber.add_response("describe_training_job", described, {"TrainingJobName": ANY})
        yield requests


@pytest.fixture
def run(make_tasks: Any, context: Any, ti: Any, sent: list[dict[str, Any]]) -> Any:
    """Run the only step of a pipeline after others have published; return what was sent."""

    def execute(arguments: dict[str, Any], **published: Any) -> dict[str, Any]:
        before = [{"Name": name, "Type": "Training", "Arguments": request()} for name in published]
        step = {"Name": "Step", "Type": "Training", "Arguments": request(**arguments), "DependsOn": list(published)}
        parameters = [{"Name": "N", "Type": "Integer", "DefaultValue": 10}]
        tasks = make_tasks(*before, step, parameters=parameters, deferrable=False)
        for name, value in published.items():
            ti.published_by(name, value)
        ti.task_id, ti.task = "Step", tasks["Step"]
        context["params"] = {"N": 10}
        tasks["Step"].act(tasks["Step"].step_run(context))
        return sent[0]

    return execute


def request(**members: Any) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "RoleArn": "arn:aws:iam::123456789012:role/Role",
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def function(*references: Any) -> dict[str, Any]:
    algorithm = {
        "TrainingImage": "image:1",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash", "/opt/ml/input/data/sagemaker_remote_function_bootstrap/job_driver.sh"],
        "ContainerArguments": ["--pipeline_step_name", "Step", "--property_references", *references],
    }
    return {"AlgorithmSpecification": algorithm}


PREPARED = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/base/exec/prepare/results"}}
OUTPUT = "Steps.prepare.OutputDataConfig.S3OutputPath"


def test_property_references_of_a_function_are_resolved_key_by_key(run: Any) -> None:
    joined = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}}

    sent = run(function(OUTPUT, {"Get": OUTPUT}, "Parameters.N", joined), prepare=PREPARED)

    assert sent["AlgorithmSpecification"]["ContainerArguments"][3:] == [
        OUTPUT,
        "s3://bucket/base/exec/prepare/results",
        "Parameters.N",
        "10",
    ]


def test_a_property_reference_longer_than_the_api_takes_is_named_before_anything_is_sent(
    run: Any, sent: list[dict[str, Any]]
) -> None:
    long = {"OutputDataConfig": {"S3OutputPath": f"s3://bucket/{'x' * 250}"}}

    with pytest.raises(RequestError) as caught:
        run(function(OUTPUT, {"Get": OUTPUT}), prepare=long)

    assert "ContainerArguments[4]" in str(caught.value)
    assert "262" in str(caught.value)
    assert "256" in str(caught.value)
    assert sent == []


def test_the_name_of_a_notebook_job_is_the_beginning_of_the_jobs_name(run: Any) -> None:
    assert run({"TrainingJobName": "nb-preprocess"})["TrainingJobName"].startswith("nb-preprocess-")
