"""EMR Serverless job runs through ``dag.test()``, with a stand-in for Spark."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import Tried

DEFINITIONS = Path(__file__).parent / "definitions"
TryDefinition = Callable[..., Tried]

SPARK = """#!/bin/bash
echo "spark-submit $*"
[ "$3 $4" = "--conf spark.executor.instances=2" ] || exit 9
exec python3 "${@:5}"
"""

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


@pytest.fixture
def serverless(aws: LocalAws) -> Any:
    return boto3.client("emr-serverless")


@pytest.fixture
def spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is called like Spark's, and runs the application with Python."""
    program = tmp_path / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text(SPARK)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEFINITIONS / "emr_serverless_application.json").read_text())
    return found


def code(text: str) -> None:
    boto3.client("s3").put_object(Bucket="integration", Key="code/prepare.py", Body=text.encode())


def states(serverless: Any) -> list[str]:
    return [application["state"] for application in serverless.list_applications()["applications"]]


def newest_run(serverless: Any) -> dict[str, Any]:
    application = serverless.list_applications()["applications"][0]["id"]
    run = serverless.list_job_runs(applicationId=application)["jobRuns"][0]["id"]
    found: dict[str, Any] = serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
    return found


def test_an_application_is_made_for_the_run_and_deleted_behind_it(
    try_definition: TryDefinition, serverless: Any, document: dict[str, Any], spark: None
) -> None:
    code("import sys\nassert sys.argv[1] == '--run'\n")

    tried = try_definition(document)

    assert tried.state == "success", tried.errors
    assert set(states(serverless)) == {"TERMINATED"}
    run = newest_run(serverless)
    assert run["name"].startswith("prepare data pipelines-")
    assert run["executionTimeoutMinutes"] == 5
    assert run["tags"]["team"] == "ml"
    assert run["tags"]["sm-pipelines:task"] == "Prepare"


def test_the_application_of_a_failed_run_is_deleted(
    try_definition: TryDefinition, serverless: Any, document: dict[str, Any], spark: None
) -> None:
    code("raise SystemExit(4)\n")

    tried = try_definition(document)

    assert tried.state == "failed"
    assert "spark-submit ended with exit code 4" in str(tried.errors["Prepare"][0])
    assert set(states(serverless)) == {"TERMINATED"}


def test_the_application_of_a_run_that_is_refused_is_deleted(
    try_definition: TryDefinition, serverless: Any, document: dict[str, Any]
) -> None:
    before = len(states(serverless))
    document["Steps"][0]["Arguments"]["JobConfig"]["jobDrivers"] = {}

    tried = try_definition(document)

    assert "jobDrivers: the API knows no such member; did you mean jobDriver?" in str(tried.errors["Prepare"][0])
    assert states(serverless)[0] == "TERMINATED"
    assert len(states(serverless)) == before + 1


def test_a_run_in_an_existing_application_leaves_that_alone(
    try_definition: TryDefinition, serverless: Any, document: dict[str, Any], spark: None
) -> None:
    code("print('done')\n")
    made = serverless.create_application(releaseLabel="emr-7.0.0", type="SPARK", clientToken=os.urandom(8).hex())
    arguments = document["Steps"][0]["Arguments"]
    del arguments["ApplicationConfig"]
    arguments["ApplicationId"] = made["applicationId"]
    deadline = time.monotonic() + 20
    while serverless.get_application(applicationId=made["applicationId"])["application"]["state"] != "CREATED":
        assert time.monotonic() < deadline
        time.sleep(0.05)

    tried = try_definition(document)

    assert tried.state == "success", tried.errors
    assert serverless.get_application(applicationId=made["applicationId"])["application"]["state"] == "STARTED"


def test_without_spark_the_run_says_so(
    try_definition: TryDefinition, serverless: Any, document: dict[str, Any]
) -> None:
    tried = try_definition(document)

    assert "spark-submit is not installed on this machine" in str(tried.errors["Prepare"][0])
