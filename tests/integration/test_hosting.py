"""EndpointConfig, Endpoint, InferenceComponent and Lineage through ``dag.test()`` on the local AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.conftest import Tried

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

DEFINITION = json.loads((Path(__file__).parent / "definitions" / "endpoint_with_lineage.json").read_text())
Try = Callable[..., Tried]


def test_a_run_deploys_and_records_and_the_next_one_updates(try_definition: Try) -> None:
    first, second = try_definition(DEFINITION), try_definition(DEFINITION, {"Copies": 2})

    assert (first.state, second.state) == ("success", "success")
    one, other = first.properties, second.properties
    assert one["Deploy"]["EndpointArn"] == other["Deploy"]["EndpointArn"]
    assert one["Deploy"]["EndpointConfigName"] != other["Deploy"]["EndpointConfigName"]
    assert other["Component"]["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert other["Check"] == {"Outcome": True}
    action = other["Record"]["ActionArns"]["deploy-shop"]
    assert one["Record"]["ActionArns"] == {"deploy-shop": action}
    incoming = boto3.client("sagemaker").list_associations(DestinationArn=action)["AssociationSummaries"]
    contexts = [arn for run in (one, other) for arn in run["Record"]["ContextArns"].values()]
    assert sorted(row["SourceArn"] for row in incoming) == sorted(contexts)


def test_an_update_that_is_rolled_back_fails_the_run_and_leaves_the_old_one_in_service(
    try_definition: Try, put_fault: Any
) -> None:
    before = try_definition(DEFINITION).properties["Deploy"]
    put_fault(operation="UpdateEndpoint", action="job_fail", reason="the health check did not pass")

    ended = try_definition(DEFINITION)

    assert ended.state == "failed"
    assert (ended.states["Deploy"], ended.states["Component"]) == ("failed", "upstream_failed")
    assert "the health check did not pass" in str(ended.errors["Deploy"][-1])
    assert ended.properties["Deploy"]["EndpointStatus"] == "InService"
    now = boto3.client("sagemaker").describe_endpoint(EndpointName="shop")
    assert now["EndpointConfigName"] == before["EndpointConfigName"]


def test_a_failed_endpoint_is_deleted_and_created_again_by_a_retry(try_definition: Try, put_fault: Any) -> None:
    arguments = {"ProductionVariants": [{"VariantName": "all", "InstanceType": "ml.m5.large"}]}
    steps = [
        {"Name": "Config", "Type": "EndpointConfig", "Arguments": arguments},
        {
            "Name": "Deploy",
            "Type": "Endpoint",
            "Arguments": {
                "EndpointName": "stall",
                "EndpointConfigName": {"Get": "Steps.Config.EndpointConfigName"},
            },
        },
    ]
    put_fault(operation="CreateEndpoint", action="job_fail", reason="no disk", times=1)

    ended = try_definition({"Version": "2020-12-01", "Steps": steps}, overrides={"Deploy": {"retries": 1}})

    assert [str(error).partition(": ")[2] for error in ended.errors["Deploy"]] == [
        f"the endpoint stall/{ended.properties['Config']['EndpointConfigName']} ended Failed: no disk"
    ]
    assert (ended.state, ended.tries["Deploy"]) == ("success", 2)


def test_an_answer_that_is_lost_leads_to_one_endpoint(try_definition: Try, put_fault: Any) -> None:
    arguments = {"EndpointConfigName": {"Get": "Steps.Config.EndpointConfigName"}, "EndpointName": "lost"}
    variants = {"ProductionVariants": [{"VariantName": "all", "InstanceType": "ml.m5.large"}]}
    steps = [
        {"Name": "Config", "Type": "EndpointConfig", "Arguments": variants},
        {"Name": "Deploy", "Type": "Endpoint", "Arguments": arguments},
    ]
    put_fault(operation="CreateEndpointConfig", action="drop_after", times=1)
    put_fault(operation="CreateEndpoint", action="drop_after", times=1)

    ended = try_definition({"Version": "2020-12-01", "Steps": steps})

    assert ended.state == "success"
    assert ended.properties["Deploy"]["EndpointStatus"] == "InService"


def test_an_answer_to_an_update_that_is_lost_is_no_failure(try_definition: Try, put_fault: Any) -> None:
    try_definition(DEFINITION)
    put_fault(operation="UpdateEndpoint", action="drop_after", times=1)

    ended = try_definition(DEFINITION)

    assert ended.state == "success"
    assert ended.properties["Deploy"]["EndpointConfigName"] == ended.properties["Config"]["EndpointConfigName"]


def test_what_the_local_aws_cannot_run_fails_and_says_so(try_definition: Try) -> None:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train.csv"}}
    steps = [
        {
            "Name": "Search",
            "Type": "AutoML",
            "Arguments": {
                "InputDataConfig": [{"DataSource": source, "TargetAttributeName": "class"}],
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            },
        },
        {
            "Name": "Customize",
            "Type": "Job",
            "Arguments": {
                "JobCategory": "AgentRFT",
                "JobConfigSchemaVersion": "1.0.0",
                "JobConfigDocument": "{}",
            },
        },
    ]

    ended = try_definition({"Version": "2020-12-01", "Steps": steps})

    assert ended.state == "failed"
    assert "the local AWS has no runtime for AutoML jobs" in str(ended.errors["Search"][-1])
    assert "the local AWS has no runtime for jobs of the category AgentRFT" in str(ended.errors["Customize"][-1])
