"""The moments at which a schedule runs: cron in a time zone, rates, and single times.

Source: "Schedule types on EventBridge Scheduler" (EventBridge Scheduler user guide), section "Daylight savings time": a
time that the clock skips is skipped, one that it shows twice runs once, the first time; a day of a rate is 24 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_sm_pipelines.semantics.schedules.cron import Cron


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC, as a plain ``datetime``: pendulum's, which Airflow uses, has an arithmetic of its own.

    Args:
        moment: The moment; without a time zone, in UTC.
    """
    there = moment.astimezone(UTC) if moment.tzinfo else moment
    return datetime(there.year, there.month, there.day, there.hour, there.minute, there.second, there.microsecond, UTC)


def cron_times(cron: Cron, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """Yield the moments of a cron expression from a moment on, in UTC.

    Args:
        cron: The expression.
        zone: The time zone in which its times are read.
        start: The earliest moment.
    """
    for wall_time in cron.wall_times(start.astimezone(zone).replace(tzinfo=None)):
        moment = moment_of(wall_time, zone)
        if moment is not None and moment >= start:
            yield moment


def moment_of(wall_time: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the moment at which a clock first shows a time, in UTC; ``None`` if it never does.

    Args:
        wall_time: The time, without a time zone.
        zone: The time zone of the clock.
    """
    moment = wall_time.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall_time.replace(fold=0) else None


def rate_times(every: timedelta, counted_from: datetime, start: datetime) -> Iterator[datetime]:
    """Yield the moments of a rate from a moment on, in UTC.

    Args:
        every: The time between two runs.
        counted_from: The first run of all.
        start: The earliest moment.
    """
    missed = max(0, -((counted_from - start) // every))
    moment = counted_from + missed * every
    while True:
        yield moment.astimezone(UTC)
        moment += every
