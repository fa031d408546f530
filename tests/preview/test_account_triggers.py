"""The triggers of a pipeline, read through the wire from the local AWS, whose EventBridge is moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.preview.account_triggers import RULE, SCHEDULE, AccountTrigger, account_triggers

pytestmark = pytest.mark.loopback

ARN = "arn:aws:sagemaker:us-west-2:123456789012:pipeline/Abalone"
ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-west-2")
    with LocalAws(stop_grace_seconds=0.5, shutdown_grace_seconds=0.2) as aws:
        yield lambda service: session.client(service, endpoint_url=aws.endpoint_url)


def test_rules_and_schedules_whose_target_is_the_pipeline_are_found(client: Any) -> None:
    events, scheduler = client("events"), client("scheduler")
    events.put_rule(Name="nightly", ScheduleExpression="cron(0 2 * * ? *)")
    parameters = {"PipelineParameterList": [{"Name": "Epochs", "Value": "3"}]}
    target = {"Id": "1", "Arn": ARN, "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}
    events.put_targets(Rule="nightly", Targets=[target, {"Id": "2", "Arn": "arn:aws:sqs:us-west-2:123456789012:q"}])
    scheduler.create_schedule(
        Name="noon",
        ScheduleExpression="cron(0 12 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        State="DISABLED",
        Target={"Arn": ARN, "RoleArn": ROLE},
    )

    found = account_triggers("Abalone", client)

    assert found.pipeline == "Abalone"
    assert found.triggers == [
        AccountTrigger(
            RULE, "nightly", "default", enabled=True, expression="cron(0 2 * * ? *)", parameters={"Epochs": "3"}
        ),
        AccountTrigger(
            SCHEDULE,
            "noon",
            "default",
            enabled=False,
            expression="cron(0 12 * * ? *)",
            timezone="Europe/Berlin",
        ),
    ]


def test_an_arn_finds_the_pipeline_of_another_account(client: Any) -> None:
    shared = "arn:aws:sagemaker:us-west-2:999999999999:pipeline/Shared"

    found = account_triggers(shared, client)

    assert (found.pipeline, found.arns, found.triggers) == ("Shared", (shared,), [])
