"""How a DAG file says what a trigger in an AWS account says."""

from __future__ import annotations

import json
from datetime import datetime

from airflow_sm_pipelines.preview.account_triggers import RULE, AccountTrigger
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError
from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import PipelineSchedule, read_expression

_FROM_EVENT = "$."


def airflow_equivalent(trigger: AccountTrigger, pipeline: str) -> str:
    """Return the line of a DAG file that stands for a trigger; empty if Airflow has none for it.

    Args:
        trigger: The trigger.
        pipeline: Name of the pipeline, also that of its definition's file.
    """
    if trigger.expression is None:
        given = f", parameters={_literal(trigger.parameters)}" if trigger.parameters else ""
        return f'start_on_events_dag({_literal(pipeline)}, queue_url="<URL of the queue>"{given})'
    schedule = _schedule(trigger)
    if schedule is None:
        return ""
    file = _literal(f"{pipeline}.json")
    if not trigger.parameters:
        return f"pipeline_dag({file}, schedule={_schedule_code(schedule)})"
    dag_id = _literal(f"{pipeline}-{trigger.name}")
    static = {name: value for name, value in trigger.parameters.items() if not value.startswith(_FROM_EVENT)}
    return f"pipeline_dag({file}, dag_id={dag_id}, schedule={_schedule_code(schedule)}, parameters={_literal(static)})"


def trigger_notes(trigger: AccountTrigger) -> list[str]:
    """Return what to know about a trigger beside its equivalent."""
    notes = []
    if trigger.enabled:
        notes.append(
            "It is enabled: if the DAG runs too, every run happens twice and is billed twice. "
            f"To disable it: {_disabling(trigger)}"
        )
    if trigger.expression is None:
        notes.append("Let the rule send its events to an SQS queue, in place of the pipeline; see docs/schedules.md.")
        return notes
    try:
        _read(trigger)
    except ScheduleError as error:
        notes.append(f"No equivalent: {error}")
    if trigger.parameters:
        notes.append("The parameters belong to this trigger alone, so it gets a DAG of its own.")
    notes.extend(
        f"{name} is {value} of the event; a scheduled run has no event. Give it a value in parameters."
        for name, value in trigger.parameters.items()
        if value.startswith(_FROM_EVENT)
    )
    if trigger.expression.startswith("rate(") and trigger.start_date is None:
        notes.append("Airflow counts a rate from the DAG's start_date, AWS from the moment at which it was made.")
    if trigger.flexible_minutes:
        notes.append(
            f"Its flexible time window of {trigger.flexible_minutes} minutes has no equivalent: Airflow starts a run "
            "when it is due."
        )
    return notes


def _disabling(trigger: AccountTrigger) -> str:
    if trigger.kind == RULE:
        return f"aws events disable-rule --name {trigger.name} --event-bus-name {trigger.group}"
    return f"in EventBridge Scheduler, set the state of {trigger.name} (group {trigger.group}) to DISABLED"


def _schedule(trigger: AccountTrigger) -> PipelineSchedule | None:
    try:
        return _read(trigger)
    except ScheduleError:
        return None


def _read(trigger: AccountTrigger) -> PipelineSchedule:
    return read_expression(
        trigger.expression or "",
        name=trigger.name,
        enabled=trigger.enabled,
        start_date=trigger.start_date,
        end_date=trigger.end_date,
        timezone=trigger.timezone,
    )


def _schedule_code(schedule: PipelineSchedule) -> str:
    """Return a schedule as Python: as the text alone if that says everything."""
    limits = {"start_date": schedule.start_date, "end_date": schedule.end_date}
    members = {
        "enabled": None if schedule.enabled else "False",
        "timezone": _literal(schedule.timezone) if schedule.timezone != "UTC" and not schedule.rate else None,
        **{name: _moment(moment) if moment and not schedule.at else None for name, moment in limits.items()},
    }
    given = [f"{name}={code}" for name, code in members.items() if code]
    if not given:
        return _literal(schedule.expression)
    kind, _, content = schedule.expression.partition("(")
    arguments = [f"name={_literal(schedule.name)}", f"{kind}={_literal(content.removesuffix(')'))}", *given]
    return f"PipelineSchedule({', '.join(arguments)})"


def _moment(moment: datetime) -> str:
    return f"datetime.fromisoformat({_literal(moment.isoformat())})"


def _literal(value: object) -> str:
    """Return a text or a table of texts as Python code, with double quotes."""
    return json.dumps(value, ensure_ascii=False)
