"""What starts a pipeline in an AWS account: rules of EventBridge, and schedules of EventBridge Scheduler.

Reads only. The SDK's ``put_triggers`` makes schedules of EventBridge Scheduler; the console and CloudFormation make
either. Pipes, Lambda functions and people who start it leave no trace here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.aws.calls import Body, call, find, pages, refusals
from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError

RULE, SCHEDULE = "EventBridge rule", "EventBridge Scheduler schedule"
_UNIVERSAL_TARGET = ":aws-sdk:sagemaker:startpipelineexecution"
MakeClient = Callable[[str], Any]
"""Returns a boto3 client for a service."""


@dataclass(frozen=True, slots=True)
class AccountTrigger:
    """A rule or a schedule whose target is the pipeline.

    Attributes:
        kind: `RULE` or `SCHEDULE`.
        name: Its name.
        group: Its event bus, or its schedule group.
        enabled: Whether it starts executions.
        expression: ``at(…)``, ``rate(…)`` or ``cron(…)``; ``None`` for a rule that waits for events.
        event_pattern: The events that a rule waits for, as JSON text.
        timezone: The time zone of the expression.
        start_date: When a schedule begins.
        end_date: When it ends.
        flexible_minutes: How many minutes later than its time it may start an execution.
        parameters: Values of pipeline parameters; one that begins with ``$.`` is read from the event.
    """

    kind: str
    name: str
    group: str
    enabled: bool
    expression: str | None = None
    event_pattern: str | None = None
    timezone: str = "UTC"
    start_date: datetime | None = None
    end_date: datetime | None = None
    flexible_minutes: int = 0
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class AccountTriggers:
    """All triggers of a pipeline that could be read.

    Attributes:
        pipeline: The pipeline's name.
        arns: ARNs by which targets name it.
        exists: Whether the pipeline exists; ``None`` if AWS does not tell. If it does not, its triggers are orphans.
        triggers: The triggers.
        refusals: Calls that AWS refused, so that triggers may be missing.
    """

    pipeline: str
    arns: tuple[str, ...]
    exists: bool | None
    triggers: list[AccountTrigger] = field(default_factory=list)
    refusals: list[AwsCallError] = field(default_factory=list)


def account_triggers(pipeline: str, make_client: MakeClient) -> AccountTriggers:
    """Return what starts a pipeline.

    Args:
        pipeline: Name or ARN of the pipeline.
        make_client: Returns a boto3 client for a service.

    Raises:
        AwsCallError: The pipeline's ARN cannot be told.
    """
    found = _pipeline(pipeline, make_client)
    for service, read in (("events", _rules), ("scheduler", _schedules)):
        with _kept(found.refusals):
            with refusals(service):
                client = make_client(service)
            for trigger in read(client, found):
                found.triggers.append(trigger)
    return found


@contextmanager
def _kept(refused: list[AwsCallError]) -> Iterator[None]:
    """Keep the refusal of one service, so that the other is read all the same."""
    try:
        yield
    except AwsCallError as error:
        refused.append(error)


def _pipeline(pipeline: str, make_client: MakeClient) -> AccountTriggers:
    """Return the pipeline's name and ARNs; of one that cannot be described, the ARNs that it must have."""
    with refusals("DescribePipeline"):
        sagemaker = make_client("sagemaker")
    exists: bool | None = False
    refused: list[AwsCallError] = []
    try:
        described = find(sagemaker, "DescribePipeline", {"PipelineName": pipeline})
    except CallRefusedError as error:
        described, exists = None, None
        refused.append(error)
    if described is not None:
        return AccountTriggers(described["PipelineName"], (described["PipelineArn"],), exists=True)
    if pipeline.startswith("arn:"):
        return AccountTriggers(pipeline.rpartition("/")[2], (pipeline,), exists, refusals=refused)
    with refusals("GetCallerIdentity"):
        caller = call(make_client("sts"), "GetCallerIdentity", {})
    partition = caller["Arn"].split(":")[1]
    prefix = f"arn:{partition}:sagemaker:{sagemaker.meta.region_name}:{caller['Account']}:pipeline/"
    # The service once wrote names in small letters in its ARNs.
    arns = tuple(dict.fromkeys((prefix + pipeline, prefix + pipeline.lower())))
    return AccountTriggers(pipeline, arns, exists, refusals=refused)


def _rules(client: Any, found: AccountTriggers) -> Iterator[AccountTrigger]:
    for bus in pages(client, "ListEventBuses", {}, "EventBuses"):
        on_bus = {"EventBusName": bus["Name"]}
        for arn in found.arns:
            for name in pages(client, "ListRuleNamesByTarget", {"TargetArn": arn, **on_bus}, "RuleNames"):
                rule = find(client, "DescribeRule", {"Name": name, **on_bus})
                if rule is not None:
                    yield from _rule_targets(client, rule, bus["Name"], arn)


def _rule_targets(client: Any, rule: Body, bus: str, arn: str) -> Iterator[AccountTrigger]:
    for target in pages(client, "ListTargetsByRule", {"Rule": rule["Name"], "EventBusName": bus}, "Targets"):
        if target["Arn"] == arn:
            yield AccountTrigger(
                RULE,
                rule["Name"],
                bus,
                # There is also ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS.
                rule.get("State", "").startswith("ENABLED"),
                expression=rule.get("ScheduleExpression") or None,
                event_pattern=rule.get("EventPattern") or None,
                parameters=_parameters(target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())),
            )


def _schedules(client: Any, found: AccountTriggers) -> Iterator[AccountTrigger]:
    for summary in pages(client, "ListSchedules", {}, "Schedules"):
        arn = summary["Target"]["Arn"]
        if arn not in found.arns and not arn.lower().endswith(_UNIVERSAL_TARGET):
            continue
        named = {"Name": summary["Name"], "GroupName": summary["GroupName"]}
        schedule = find(client, "GetSchedule", named)
        if schedule is None:
            continue
        parameters = _schedule_parameters(schedule["Target"], found)
        if parameters is not None:
            yield AccountTrigger(
                SCHEDULE,
                schedule["Name"],
                schedule["GroupName"],
                schedule["State"] == "ENABLED",
                expression=schedule["ScheduleExpression"],
                timezone=schedule.get("ScheduleExpressionTimezone") or "UTC",
                start_date=schedule.get("StartDate"),
                end_date=schedule.get("EndDate"),
                flexible_minutes=schedule.get("FlexibleTimeWindow", {}).get("MaximumWindowInMinutes") or 0,
                parameters=parameters,
            )


def _schedule_parameters(target: Body, found: AccountTriggers) -> dict[str, str] | None:
    """Return the parameters that a schedule's target sets, ``None`` if it starts another pipeline."""
    if target["Arn"] in found.arns:
        return _parameters(target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ()))
    request = decode(target.get("Input") or "{}", "", Faults())
    if not isinstance(request, dict) or request.get("PipelineName") not in (found.pipeline, *found.arns):
        return None
    return _parameters(request.get("PipelineParameters", ()))


def _parameters(listed: Any) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in listed}
