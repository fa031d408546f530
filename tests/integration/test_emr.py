"""EMR steps through ``dag.test()``: their commands really run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import Tried

DEFINITIONS = Path(__file__).parent / "definitions"
TryDefinition = Callable[..., Tried]

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


@pytest.fixture
def emr(aws: LocalAws) -> Any:
    return boto3.client("emr")


@pytest.fixture
def cluster(emr: Any) -> Iterator[str]:
    """A cluster that waits for steps."""
    name = emr.run_job_flow(Name="shared", Instances={"KeepJobFlowAliveWhenNoSteps": True})["JobFlowId"]
    yield name
    emr.terminate_job_flows(JobFlowIds=[name])


def definition(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DEFINITIONS / f"{name}.json").read_text())
    return document


def steps_of(emr: Any, cluster: str) -> list[dict[str, Any]]:
    return [step for page in emr.get_paginator("list_steps").paginate(ClusterId=cluster) for step in page["Steps"]]


def test_commands_run_on_a_running_cluster_and_their_properties_can_be_read(
    try_definition: TryDefinition, emr: Any, cluster: str
) -> None:
    tried = try_definition(definition("emr_running_cluster"), {"ClusterId": cluster})

    assert tried.state == "success", tried.errors
    assert tried.states == {
        "Count": "success",
        "Check": "success",
        "SameCluster": "success",
        "Elsewhere": "skipped",
    }
    check, count = steps_of(emr, cluster)
    assert count["Name"].startswith("pipelines-")
    assert count["ActionOnFailure"] == "CONTINUE"
    described = emr.describe_step(ClusterId=cluster, StepId=count["Id"])["Step"]
    assert described["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/EmrRuntimeRole"
    assert "ExecutionRoleArn" not in emr.describe_step(ClusterId=cluster, StepId=check["Id"])["Step"]
    bucket, key = count["Config"]["Args"][3:5]
    assert boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == b"0\n1\n2\n"
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING"


def test_a_failed_command_fails_the_step_with_its_reason_and_leaves_the_cluster(
    try_definition: TryDefinition, emr: Any, cluster: str
) -> None:
    document = definition("emr_running_cluster")
    document["Steps"][0]["Arguments"]["StepConfig"]["HadoopJarStep"]["Args"] = ["bash", "-c", "echo too few; exit 3"]

    tried = try_definition(document, {"ClusterId": cluster})

    assert tried.state == "failed"
    assert "command-runner.jar ended with exit code 3; its last output: too few" in str(tried.errors["Count"][0])
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING"


def test_a_terminated_cluster_is_named_with_its_state(try_definition: TryDefinition, emr: Any, cluster: str) -> None:
    emr.terminate_job_flows(JobFlowIds=[cluster])

    tried = try_definition(definition("emr_running_cluster"), {"ClusterId": cluster})

    assert f"cluster {cluster} is TERMINATED (Terminated by user request)" in str(tried.errors["Count"][0])
    assert steps_of(emr, cluster) == []


def test_a_cluster_of_its_own_lives_for_the_step(try_definition: TryDefinition, emr: Any) -> None:
    boto3.client("s3").put_object(
        Bucket="integration", Key="code/report.sh", Body=b'#!/bin/bash\necho "report of $1"\n'
    )

    tried = try_definition(definition("emr_own_cluster"))

    assert tried.state == "success", tried.errors
    cluster = newest_cluster(emr)
    assert cluster["Status"]["State"] == "TERMINATED"
    tags = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}
    assert tags["team"] == "ml"
    assert tags["sm-pipelines:task"] == "Report"
    assert cluster["AutoTerminate"] is True
    (step,) = steps_of(emr, cluster["Id"])
    assert step["ActionOnFailure"] == "TERMINATE_CLUSTER"


def test_a_cluster_of_its_own_ends_when_its_step_fails(try_definition: TryDefinition, emr: Any) -> None:
    document = definition("emr_own_cluster")
    document["Steps"][0]["Arguments"]["StepConfig"]["HadoopJarStep"] = {
        "Jar": "command-runner.jar",
        "Args": ["spark-submit", "s3://integration/missing.py"],
    }

    tried = try_definition(document)

    assert tried.state == "failed"
    assert "spark-submit is not installed on this machine" in str(tried.errors["Report"][0])
    assert newest_cluster(emr)["Status"]["State"] == "TERMINATED_WITH_ERRORS"


def newest_cluster(emr: Any) -> dict[str, Any]:
    newest = emr.list_clusters()["Clusters"][0]["Id"]
    cluster: dict[str, Any] = emr.describe_cluster(ClusterId=newest)["Cluster"]
    return cluster
