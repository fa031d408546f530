"""The argument ``schedule`` of `pipeline_dag`: EventBridge's schedules become a timetable, all else is Airflow's.

Runs at parse time. The timetable is imported only by DAG files that use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_sm_pipelines.execution.airflow_internals.authoring import ScheduleArg
    from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import PipelineSchedule
    from airflow_sm_pipelines.translation.eventbridge_timetable import EventBridgeTimetable

_FIELDS_OF_CRON = 6
EARLIEST_START = datetime(2020, 12, 1, tzinfo=UTC)
"""Start date of a DAG with a schedule whose author gives none: with catch-up off, any past date will do."""


@dataclass(frozen=True, slots=True)
class DagSchedule:
    """The schedule of a DAG.

    Attributes:
        argument: What Airflow's ``DAG`` is given. ``None`` if no schedule is enabled: then nothing starts by itself,
            and the DAG can still be run by hand, which pausing it would prevent.
        schedules: EventBridge's schedules, the disabled ones too.
        timetable: The same as ``argument``, if it is that of EventBridge's schedules.
    """

    argument: ScheduleArg
    schedules: Sequence[PipelineSchedule] = ()
    timetable: EventBridgeTimetable | None = None

    def count_rates_from(self, dag: DAG) -> None:
        """Count the rates without a start of their own from the DAG's start date."""
        if self.timetable is not None and dag.start_date is not None:
            self.timetable.count_rates_from(dag.start_date)

    def documentation(self) -> str:
        """Return the schedules for the DAG's documentation; empty if they are Airflow's."""
        if not self.schedules:
            return ""
        from airflow_sm_pipelines.translation.eventbridge_timetable import schedule_in_words

        lines = [
            f"- `{schedule_in_words(schedule)}`{'' if schedule.enabled else ' (disabled)'}"
            for schedule in self.schedules
        ]
        return "\n".join(("Schedules:", "", *lines))


def read_schedule(schedule: object) -> DagSchedule:
    """Return the schedule of a DAG from the argument of `pipeline_dag`.

    Args:
        schedule: A text, a `PipelineSchedule`, a list of these, or anything that Airflow's ``DAG`` takes.

    Raises:
        ScheduleError: A text or a schedule is not valid, or has two readings.
        TypeError: A list holds schedules and something else.
    """
    schedules = _eventbridge_schedules(schedule) if _may_be_eventbridges(schedule) else None
    if schedules is None:
        return DagSchedule(cast("ScheduleArg", schedule))
    enabled = [one for one in schedules if one.enabled]
    if not enabled:
        return DagSchedule(None, schedules)
    from airflow_sm_pipelines.translation.eventbridge_timetable import EventBridgeTimetable

    timetable = EventBridgeTimetable(enabled, EARLIEST_START)
    return DagSchedule(timetable, schedules, timetable)


def _may_be_eventbridges(schedule: object) -> bool:
    """Tell whether to look closer, which imports the grammar: most schedules are Airflow's, and pay nothing for it."""
    if isinstance(schedule, str):
        return "(" in schedule or len(schedule.split()) == _FIELDS_OF_CRON
    return isinstance(schedule, list | tuple) or type(schedule).__name__ == "PipelineSchedule"


def _eventbridge_schedules(schedule: object) -> list[PipelineSchedule] | None:
    """Return the schedules in EventBridge's language, ``None`` if the argument is Airflow's."""
    from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError, ScheduleFault
    from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import PipelineSchedule
    from airflow_sm_pipelines.semantics.schedules.schedule_texts import read_schedule_text

    if isinstance(schedule, PipelineSchedule):
        return [schedule]
    if isinstance(schedule, str):
        read = read_schedule_text(schedule)
        return None if read is None else [read]
    if not isinstance(schedule, list | tuple) or not any(isinstance(one, str | PipelineSchedule) for one in schedule):
        return None
    schedules = []
    for one in schedule:
        read = read_schedule_text(one) if isinstance(one, str) else one
        if read is None:
            forms = "at(…), rate(…) or cron(…) in a list of schedules"
            remedy = "for several cron expressions of Airflow, use its MultipleCronTriggerTimetable"
            raise ScheduleError(repr(one), [ScheduleFault("expression", str(one), forms, remedy)])
        if not isinstance(read, PipelineSchedule):
            raise TypeError(
                f"schedule: a list of schedules holds texts and PipelineSchedule, not {type(read).__name__}"
            )
        schedules.append(read)
    return schedules
