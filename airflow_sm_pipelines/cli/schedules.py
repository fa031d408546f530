"""``sm-pipelines schedules``: what starts a pipeline in the AWS account, and how Airflow says it. Changes nothing."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.cli.arguments import add_format
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.account_triggers import AccountTrigger, AccountTriggers, account_triggers
from airflow_sm_pipelines.preview.schedule_equivalents import airflow_equivalent, trigger_notes

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview.reports import SchedulesReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--pipeline", required=True, metavar="NAME", help="name or ARN of a pipeline of SageMaker")
    parser.add_argument("--region", help="AWS region (default: that of the environment)")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the triggers. Return 1 if AWS refused a call, or nothing of that name is there.

    What could be read is printed all the same.
    """

    def client(service: str) -> Any:
        import boto3

        make_client: Any = boto3.client
        return make_client(service, region_name=args.region)

    try:
        found = account_triggers(args.pipeline, client)
    except AwsCallError as error:
        print(f"sm-pipelines schedules: pipeline {args.pipeline}: {error}", file=sys.stderr)
        return 1
    for refused in found.refusals:
        print(f"sm-pipelines schedules: triggers may be missing: {refused}", file=sys.stderr)
    if args.format == "json":
        from airflow_sm_pipelines.preview.reports import report_text

        print(report_text(_report(found)))
    else:
        print("\n\n".join([_heading(found), *(_in_words(trigger, found.pipeline) for trigger in found.triggers)]))
    is_misspelt = found.exists is False and not found.triggers
    return 1 if found.refusals or is_misspelt else 0


def _heading(found: AccountTriggers) -> str:
    number = len(found.triggers)
    counted = f"{number or 'no'} trigger{'' if number == 1 else 's'}"
    if found.exists is False:
        orphans = ", so they start nothing: delete them" if number else f": looked for {found.arns[0]}"
        return f"pipeline {found.pipeline}: {counted}; the pipeline does not exist{orphans}"
    return f"pipeline {found.pipeline}: {counted}"


def _in_words(trigger: AccountTrigger, pipeline: str) -> str:
    state = "enabled" if trigger.enabled else "disabled"
    zone = f" {trigger.timezone}" if trigger.timezone != "UTC" else ""
    said = f"{trigger.expression}{zone}" if trigger.expression else f"events {trigger.event_pattern}"
    lines = [f"{trigger.kind} {trigger.name} ({trigger.group}), {state}: {said}"]
    lines += [f"  {name} = {value}" for name, value in trigger.parameters.items()]
    equivalent = airflow_equivalent(trigger, pipeline)
    if equivalent:
        lines.append(f"  in Airflow: {equivalent}")
    return "\n".join([*lines, *(f"  {note}" for note in trigger_notes(trigger))])


def _report(found: AccountTriggers) -> SchedulesReport:
    from airflow_sm_pipelines.preview.reports import SchedulesReport, TriggerReport

    return SchedulesReport(
        pipeline=found.pipeline,
        exists=found.exists,
        triggers=[
            TriggerReport(
                kind=trigger.kind,
                name=trigger.name,
                group=trigger.group,
                enabled=trigger.enabled,
                expression=trigger.expression,
                timezone=trigger.timezone,
                start_date=trigger.start_date.isoformat() if trigger.start_date else None,
                end_date=trigger.end_date.isoformat() if trigger.end_date else None,
                event_pattern=trigger.event_pattern,
                parameters=trigger.parameters,
                equivalent=airflow_equivalent(trigger, found.pipeline),
                notes=trigger_notes(trigger),
            )
            for trigger in found.triggers
        ],
        refused=[str(error) for error in found.refusals],
    )
