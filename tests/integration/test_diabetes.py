"""The definition of the demo through ``dag.test()`` and ``airflow dags test``, without a scheduler."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import boto3
import pytest

from airflow_sm_pipelines.demo.examples import DIABETES, dags_folder, upload_scripts
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import BUNDLE_CLASS
from tests.integration.test_dag_test import RunDag

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

BUCKET = "sm-pipelines-demo"
IN_BRANCH = ("Register-RegisterModel", "CreateModel", "Predict")


@pytest.fixture(scope="module", autouse=True)
def _scripts(aws: LocalAws) -> None:
    upload_scripts(boto3.client("s3"), DIABETES)


def test_without_deferral_it_trains_registers_and_predicts(run_dag: RunDag) -> None:
    ended = run_dag("diabetes")
    assert ended.state == "success", ended.tasks
    assert {name for name, state in ended.tasks.items() if state == "skipped"} == {"MseTooHigh"}
    trained, registered, predicted = (ended.xcoms[name] for name in ("Train", "Register-RegisterModel", "Predict"))
    artifact = trained["ModelArtifacts"]["S3ModelArtifacts"]
    assert ended.xcoms["CreateModel"]["PrimaryContainer"]["ModelDataUrl"] == artifact
    assert registered["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == artifact
    assert registered["ModelApprovalStatus"] == "PendingManualApproval"
    _, _, folder = predicted["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
    answer = boto3.client("s3").get_object(Bucket=BUCKET, Key=f"{folder}/{DIABETES.predictions.file}")
    lines = answer["Body"].read().decode().splitlines()
    assert len([float(line) for line in lines]) == 89, "a fifth of the 442 patients"


def test_an_mse_above_the_limit_registers_nothing(run_dag: RunDag) -> None:
    ended = run_dag("diabetes", MaxMse=1)
    assert ended.state == "failed"
    assert ended.tasks["MseTooHigh"] == "failed"
    assert {name for name, state in ended.tasks.items() if state == "skipped"} == set(IN_BRANCH)


def test_a_parameter_that_is_none_of_its_values_fails_the_run(run_dag: RunDag) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="ModelApprovalStatus"):
        run_dag("diabetes", ModelApprovalStatus="Maybe")


def test_the_shipped_file_runs_through_airflow_dags_test() -> None:
    bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(dags_folder())}}
    environment = {**os.environ, "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle])}
    before = registered_versions()
    command = [sys.executable, "-m", "airflow", "dags", "test", DIABETES.name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert registered_versions() == before + 1, done.stdout


def registered_versions() -> int:
    packages = boto3.client("sagemaker").list_model_packages(ModelPackageType="Versioned")
    return len(packages["ModelPackageSummaryList"])
