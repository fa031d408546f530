"""Airflow's timetable of a pipeline with EventBridge schedules.

Loaded in the DAG processor, the scheduler and the API server, and in the DAG files that use it; not in others. Airflow
finds the class through the plugin.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import PipelineSchedule
from airflow_sm_pipelines.semantics.schedules.recurrence import in_utc
from airflow_sm_pipelines.semantics.schedules.run_times import Bounds, next_run


class EventBridgeTimetable(Timetable):
    """Runs a pipeline whenever one of its schedules is due. Logical date and data interval of a run are that moment.

    Without catch-up, a run that was missed starts if it was due within the last 24 hours; of several, the latest one.

    Args:
        schedules: The schedules, all of them enabled.
        counted_from: The first run of a rate that has no start of its own.
    """

    def __init__(self, schedules: Sequence[PipelineSchedule], counted_from: datetime) -> None:
        self.schedules = tuple(schedules)
        self.counted_from = in_utc(counted_from)
        self.periodic = any(schedule.is_recurring for schedule in self.schedules)  # backfills need it
        self.description = "; ".join(map(schedule_in_words, self.schedules))
        self._moments = [schedule.moments() for schedule in self.schedules]

    def count_rates_from(self, moment: datetime) -> None:
        """Set the first run of a rate that has no start of its own."""
        self.counted_from = in_utc(moment)

    @property
    def summary(self) -> str:
        """The expressions, for lists of DAGs."""
        return ", ".join(schedule.expression for schedule in self.schedules)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return when the next run is due; in the scheduler, the DAG processor and, for backfills, the API server."""
        previous = last_automated_data_interval and last_automated_data_interval.end
        bounds = Bounds(
            earliest=restriction.earliest and in_utc(restriction.earliest),
            latest=restriction.latest and in_utc(restriction.latest),
            previous=previous and in_utc(previous),
            catches_up=restriction.catchup,
        )
        due = next_run(self._moments, self.counted_from, bounds, now())
        return None if due is None else DagRunInfo.exact(pendulum.instance(due))

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Return the moment at which a person or a program starts a run."""
        return DataInterval.exact(run_after)

    def serialize(self) -> dict[str, Any]:
        """Return the timetable as JSON."""
        return {
            "schedules": [schedule.as_json() for schedule in self.schedules],
            "counted_from": self.counted_from.isoformat(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> EventBridgeTimetable:
        """Return the timetable that `serialize` has stored."""
        schedules = [PipelineSchedule.from_json(stored) for stored in data["schedules"]]
        return cls(schedules, datetime.fromisoformat(data["counted_from"]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventBridgeTimetable) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash(self.schedules)


def schedule_in_words(schedule: PipelineSchedule) -> str:
    """Return a schedule as people read it: ``nightly: cron(0 2 * * ? *) Europe/Berlin, from 2026-01-01``."""
    name = f"{schedule.name}: " if schedule.name else ""
    zone = "" if schedule.timezone == "UTC" or schedule.rate else f" {schedule.timezone}"
    limits = {"from": schedule.start_date, "until": schedule.end_date}
    said = "".join(f", {word} {moment.isoformat()}" for word, moment in limits.items() if moment and not schedule.at)
    return f"{name}{schedule.expression}{zone}{said}"


def now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)
