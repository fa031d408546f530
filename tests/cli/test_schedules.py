"""``sm-pipelines schedules``: the triggers of a pipeline in an account, and what a DAG file says for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from airflow_sm_pipelines import PipelineSchedule
from airflow_sm_pipelines.cli.main import main
from tests.report_schemas import complain

ROLE = "arn:aws:iam::123456789012:role/r"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Abalone"
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield


def put_rule(name: str, parameters: dict[str, str] | None = None, arn: str = ARN, **members: Any) -> None:
    events = boto3.client("events")
    events.put_rule(Name=name, **members)
    target: dict[str, Any] = {"Id": "1", "Arn": arn, "RoleArn": ROLE}
    if parameters:
        listed = [{"Name": key, "Value": value} for key, value in parameters.items()]
        target["SageMakerPipelineParameters"] = {"PipelineParameterList": listed}
    bus = {"EventBusName": members["EventBusName"]} if "EventBusName" in members else {}
    events.put_targets(Rule=name, Targets=[target], **bus)


def create_schedule(name: str, expression: str, target: dict[str, Any] | None = None, **members: Any) -> None:
    boto3.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=expression,
        **{"FlexibleTimeWindow": {"Mode": "OFF"}, **members},
        Target={"Arn": ARN, "RoleArn": ROLE, **(target or {})},
    )


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["schedules", "--pipeline", "Abalone", *arguments]) == code
    return capsys.readouterr().out


def triggers(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    report = json.loads(shown(capsys, "--format", "json"))
    assert complain("schedules", report) == []
    return {trigger["name"]: trigger for trigger in report["triggers"]}


def test_a_scheduled_rule_is_shown_with_its_airflow_equivalent(capsys: pytest.CaptureFixture[str]) -> None:
    put_rule("nightly", ScheduleExpression="cron(0 2 * * ? *)")
    put_rule("of-another", ScheduleExpression="rate(1 day)", arn=f"{ARN}-2")
    boto3.client("sagemaker").create_pipeline(
        PipelineName="Abalone", PipelineDefinition="{}", ClientRequestToken="t" * 32, RoleArn=ROLE
    )

    assert shown(capsys) == (
        "pipeline Abalone: 1 trigger\n"
        "\n"
        "EventBridge rule nightly (default), enabled: cron(0 2 * * ? *)\n"
        '  in Airflow: pipeline_dag("Abalone.json", schedule="cron(0 2 * * ? *)")\n'
        "  It is enabled: if the DAG runs too, every run happens twice and is billed twice. To disable it: "
        "aws events disable-rule --name nightly --event-bus-name default\n"
    )


def test_triggers_of_a_pipeline_that_is_gone_are_orphans(capsys: pytest.CaptureFixture[str]) -> None:
    put_rule("small", arn=ARN.replace("Abalone", "abalone"), ScheduleExpression="rate(1 day)", State="DISABLED")

    out = shown(capsys)

    assert out.startswith(
        "pipeline Abalone: 1 trigger; the pipeline does not exist, so they start nothing: delete them"
    )
    assert "billed twice" not in out


def test_a_schedule_of_the_sdk_keeps_time_zone_start_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    limits = {"StartDate": datetime(2099, 1, 1, tzinfo=UTC), "EndDate": datetime(2099, 2, 1, tzinfo=UTC)}
    create_schedule("noon", "cron(0 12 * * ? *)", ScheduleExpressionTimezone="Europe/Berlin", **limits)
    create_schedule("off", "at(2099-01-01T00:00:00)", State="DISABLED")

    found = triggers(capsys)

    assert found["noon"]["equivalent"] == (
        'pipeline_dag("Abalone.json", schedule=PipelineSchedule(name="noon", cron="0 12 * * ? *", '
        'timezone="Europe/Berlin", start_date=datetime.fromisoformat("2099-01-01T00:00:00+00:00"), '
        'end_date=datetime.fromisoformat("2099-02-01T00:00:00+00:00")))'
    )
    assert found["off"]["equivalent"] == (
        'pipeline_dag("Abalone.json", schedule=PipelineSchedule(name="off", at="2099-01-01T00:00:00", enabled=False))'
    )
    assert (found["off"]["enabled"], found["off"]["notes"]) == (False, [])


def test_an_equivalent_is_python_that_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    create_schedule("noon", "cron(0 12 ? * 6L *)", ScheduleExpressionTimezone="Asia/Tokyo", State="DISABLED")
    made: dict[str, Any] = {}

    def pipeline_dag(source: str, **arguments: Any) -> None:
        made.update(arguments, source=source)

    exec(triggers(capsys)["noon"]["equivalent"], {"pipeline_dag": pipeline_dag, "PipelineSchedule": PipelineSchedule})

    expected = PipelineSchedule(name="noon", cron="0 12 ? * 6L *", timezone="Asia/Tokyo", enabled=False)
    assert made == {"source": "Abalone.json", "schedule": expected}


def test_a_schedule_that_calls_the_api_itself_is_found_by_its_input(capsys: pytest.CaptureFixture[str]) -> None:
    parameters = [{"Name": "Epochs", "Value": "3"}]
    for name, pipeline in (("by-name", "Abalone"), ("by-arn", ARN), ("of-another", "Other")):
        text = json.dumps({"PipelineName": pipeline, "PipelineParameters": parameters})
        create_schedule(name, "rate(1 day)", {"Arn": UNIVERSAL, "Input": text})

    found = triggers(capsys)

    assert {*found} == {"by-name", "by-arn"}
    assert found["by-name"]["equivalent"] == (
        'pipeline_dag("Abalone.json", dag_id="Abalone-by-name", schedule="rate(1 day)", parameters={"Epochs": "3"})'
    )


def test_parameters_that_a_scheduled_rule_reads_from_its_event_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    put_rule("nightly", {"Type": "ml.m5.large", "At": "$.time"}, ScheduleExpression="rate(1 day)", State="DISABLED")

    trigger = triggers(capsys)["nightly"]

    assert trigger["parameters"] == {"Type": "ml.m5.large", "At": "$.time"}
    assert trigger["equivalent"].endswith(
        'schedule=PipelineSchedule(name="nightly", rate="1 day", enabled=False), parameters={"Type": "ml.m5.large"})'
    )
    assert trigger["notes"] == [
        "The parameters belong to this trigger alone, so it gets a DAG of its own.",
        "At is $.time of the event; a scheduled run has no event. Give it a value in parameters.",
        "Airflow counts a rate from the DAG's start_date, AWS from the moment at which it was made.",
    ]


def test_a_rule_that_waits_for_events_becomes_a_dag_that_reads_a_queue(capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("events").create_event_bus(Name="uploads")
    put_rule("arrived", {"Key": "$.detail.object.key"}, EventPattern='{"source": ["aws.s3"]}', EventBusName="uploads")

    trigger = triggers(capsys)["arrived"]

    assert (trigger["group"], trigger["expression"], trigger["event_pattern"]) == (
        "uploads",
        None,
        '{"source": ["aws.s3"]}',
    )
    assert trigger["equivalent"] == (
        'start_on_events_dag("Abalone", queue_url="<URL of the queue>", parameters={"Key": "$.detail.object.key"})'
    )
    assert trigger["notes"][1].startswith("Let the rule send its events to an SQS queue")


def test_a_flexible_time_window_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    create_schedule("loose", "cron(0 12 * * ? *)", FlexibleTimeWindow=window)

    assert triggers(capsys)["loose"]["notes"][1] == (
        "Its flexible time window of 15 minutes has no equivalent: Airflow starts a run when it is due."
    )


def test_an_expression_that_cannot_be_read_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    create_schedule("odd", "cron(0 25 * * ? *)")

    trigger = triggers(capsys)["odd"]

    assert trigger["equivalent"] == ""
    assert "No equivalent: the schedule cron(0 25 * * ? *) is not valid:" in trigger["notes"][1]


def test_the_command_only_reads(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    put_rule("nightly", ScheduleExpression="cron(0 2 * * ? *)")
    create_schedule("noon", "cron(0 12 * * ? *)")
    called: list[str] = []
    boto3.DEFAULT_SESSION = None
    real = boto3.client

    def client(*arguments: Any, **members: Any) -> Any:
        made = real(*arguments, **members)
        made.meta.events.register("before-call", lambda model, **_: called.append(model.name))
        return made

    monkeypatch.setattr(boto3, "client", client)
    shown(capsys)

    assert called
    assert {name.rstrip("s")[:4] for name in called} <= {"List", "Desc", "GetC", "GetS"}


def test_a_service_that_refuses_does_not_hide_the_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_schedule("noon", "cron(0 12 * * ? *)")
    from airflow_sm_pipelines.errors import CallRefusedError
    from airflow_sm_pipelines.preview import account_triggers

    def refuse(*_: object) -> Iterator[Any]:
        raise CallRefusedError("ListEventBuses", "AccessDeniedException", "not authorized", None)
        yield

    monkeypatch.setattr(account_triggers, "_rules", refuse)

    assert main(["schedules", "--pipeline", "Abalone"]) == 1
    said = capsys.readouterr()
    assert "schedule noon" in said.out
    assert "triggers may be missing" in said.err
    assert "ListEventBuses" in said.err


def test_without_a_region_the_command_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    assert main(["schedules", "--pipeline", "Abalone"]) == 1
    assert "NoRegionError" in capsys.readouterr().err


def test_a_misspelt_pipeline_is_no_pipeline_without_triggers(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, "--pipeline", "Abalon", code=1)

    assert said.startswith("pipeline Abalon: no triggers; the pipeline does not exist: looked for arn:aws:sagemaker:")
