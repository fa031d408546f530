"""What a text means that is given as a schedule: EventBridge's language, Airflow's, or neither for sure."""

from __future__ import annotations

from airflow_sm_pipelines.semantics.schedules.cron import FIELD_NAMES, read_cron
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError, ScheduleFault
from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import (
    PipelineSchedule,
    is_expression,
    read_expression,
)


def read_schedule_text(text: str) -> PipelineSchedule | None:
    """Return the schedule of a text in EventBridge's language, ``None`` if it is for Airflow to read.

    Args:
        text: ``at(…)``, ``rate(…)``, ``cron(…)``, or a preset or cron expression of Airflow.

    Raises:
        ScheduleError: It is not valid, or could be EventBridge's as well as Airflow's.
    """
    if is_expression(text) or text.strip().lower().startswith(("at(", "rate(", "cron(")):
        return read_expression(text)
    if len(text.split()) == len(FIELD_NAMES):
        raise ScheduleError(repr(text), [_two_readings(text)])
    return None


def _two_readings(text: str) -> ScheduleFault:
    """Return the fault of six fields without ``cron()``: EventBridge and Airflow read them differently."""
    fields = " ".join(text.split())
    try:
        read_cron(fields)
    except ScheduleError:
        eventbridge = "EventBridge would refuse it"
    else:
        eventbridge = (
            f'EventBridge takes day-of-week 1 for SUN and the sixth field for the year: write "cron({fields})"'
        )
    five = " ".join(fields.split()[:5])
    airflow = f'Airflow takes day-of-week 1 for MON and the sixth field for seconds: write "{five}"'
    return ScheduleFault(
        "number of fields", "6 without cron()", "6 in cron(…), or 5", f"it has two readings. {eventbridge}. {airflow}"
    )
