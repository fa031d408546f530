"""Names, tags, experiment, MLflow and execution variables of real jobs, through ``dag.test()``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.integration.conftest import Tried

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

TryDefinition = Callable[..., Tried]
SERVER = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-tracking-server/team"
APP = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-1"
TELL = "import json, os; json.dump(dict(os.environ), open('/opt/ml/processing/out/environment.json', 'w'))"
TIMES = {"START": {"Get": "Execution.StartDateTime"}, "NOW": {"Get": "Execution.CurrentDateTime"}}


def prepare(name: str, **arguments: Any) -> dict[str, Any]:
    """A step whose job writes its environment into its output."""
    uri = {"Std:Join": {"On": "/", "Values": ["s3://integration/tracking", {"Get": "Execution.PipelineExecutionId"}]}}
    place = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    output = {"OutputName": "out", "S3Output": place}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {
                "ImageUri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/own:1",
                "ContainerEntrypoint": ["python3", "-c", TELL],
            },
            "ProcessingOutputConfig": {"Outputs": [output]},
            "Environment": TIMES,
            **arguments,
        },
    }


def definition(*steps: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Parameters": [], "Steps": list(steps), **members}


@pytest.fixture
def job(try_definition: TryDefinition) -> Callable[..., dict[str, Any]]:
    """Run a definition with one job, and return what AWS tells of it."""

    def run(document: dict[str, Any], conf: dict[str, Any] | None = None) -> dict[str, Any]:
        tried = try_definition(document, conf)
        assert tried.errors == {}
        (found,) = tried.properties.values()
        return dict(found)

    return run


def test_the_code_of_a_job_reads_its_mlflow_and_the_times_of_its_run(job: Any) -> None:
    config = {"MlflowResourceArn": SERVER, "MlflowExperimentName": "churn"}

    found = job(definition(prepare("Prepare"), MlflowConfig=config))

    (output,) = found["ProcessingOutputConfig"]["Outputs"]
    key = output["S3Output"]["S3Uri"].removeprefix("s3://integration/")
    body = boto3.client("s3").get_object(Bucket="integration", Key=f"{key}/environment.json")["Body"].read().decode()
    for name, value in {"MLFLOW_TRACKING_URI": SERVER, "MLFLOW_EXPERIMENT_NAME": "churn"}.items():
        assert f'"{name}": "{value}"' in body
    assert len(re.findall(r'"(?:START|NOW)": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', body)) == 2


def test_a_run_overrides_the_app_and_the_experiment(job: Any) -> None:
    config = {"MlflowResourceArn": SERVER, "MlflowExperimentName": "churn"}
    other = {"sm_mlflow_resource_arn": APP, "sm_mlflow_experiment_name": "try 1"}

    found = job(definition(prepare("Prepare"), MlflowConfig=config), other)

    assert found["Environment"]["MLFLOW_TRACKING_URI"] == APP
    assert found["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "try 1"


def test_a_job_has_the_tags_of_its_task_under_airflows_names(job: Any) -> None:
    found = job(definition(prepare("Prepare", Tags=[{"Key": "team", "Value": "ml"}])))

    tags = boto3.client("sagemaker").list_tags(ResourceArn=found["ProcessingJobArn"])["Tags"]
    values = {tag["Key"]: tag["Value"] for tag in tags}
    assert values["team"] == "ml"
    assert values["airflow:task_id"] == values["sm-pipelines:task"] == "Prepare"
    assert values["airflow:dag_id"] == values["sm-pipelines:dag"]
    assert values["airflow:run_id"].startswith("manual__")


def test_the_trial_of_a_run_has_its_display_name_and_the_experiment_that_of_the_dag(job: Any) -> None:
    """The DAG's id has underscores, which no experiment's name may have."""
    found = job(definition(prepare("Prepare"), PipelineExperimentConfig={}), {"sm_display_name": "Try-1"})

    names = found["ExperimentConfig"]
    sagemaker = boto3.client("sagemaker")
    trial = sagemaker.describe_trial(TrialName=names["TrialName"])
    assert trial["DisplayName"] == "Try-1"
    assert trial["ExperimentName"] == names["ExperimentName"]
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}", names["ExperimentName"])
    assert names["TrialName"] in found["ProcessingJobName"]


@pytest.mark.parametrize("members", [{}, {"PipelineExperimentConfig": None}], ids=["absent", "null"])
def test_a_pipeline_without_an_experiment_config_creates_no_experiment(job: Any, members: dict[str, Any]) -> None:
    sagemaker = boto3.client("sagemaker")
    before = {trial["TrialName"] for trial in sagemaker.list_trials()["TrialSummaries"]}

    found = job(definition(prepare("Prepare"), **members))

    assert "ExperimentConfig" not in found
    assert {trial["TrialName"] for trial in sagemaker.list_trials()["TrialSummaries"]} == before
