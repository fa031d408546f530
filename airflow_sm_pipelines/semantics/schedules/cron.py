"""EventBridge's cron expressions: six fields, and the times of the day that they name on a wall clock.

croniter, which Airflow uses, reads another language: seconds in the sixth field, days of the week from 0, and a day of
the month *or* of the week where EventBridge allows only one of them. So the times are computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import TypeVar

from airflow_sm_pipelines.semantics.schedules.cron_days import MonthDays, WeekDays
from airflow_sm_pipelines.semantics.schedules.cron_fields import (
    ANY_DAY,
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOURS,
    MINUTES,
    MONTH,
    YEAR,
    read_month_days,
    read_values,
    read_week_days,
)
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError, ScheduleFault

FIELD_NAMES = tuple(field.name for field in (MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR))
_FEWEST_FIELDS = 5
_EVERY_YEAR = "*"
_BEFORE_ALL = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that was read.

    Attributes:
        minutes: Minutes of the hour.
        hours: Hours of the day.
        months: Months, from 1.
        years: Years.
        days: The days of a month; either kind of days has ``of_month``.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]
    days: MonthDays | WeekDays

    def wall_times(self, start: datetime) -> Iterator[datetime]:
        """Yield the times that the expression names, from a time on, as a clock without daylight saving shows them.

        Args:
            start: The earliest time, without a time zone.
        """
        clock_times = [time(hour, minute) for hour in self.hours for minute in self.minutes]
        for year, month in self._months_from(start):
            for day in sorted(self.days.of_month(year, month)):
                if (year, month, day) < (start.year, start.month, start.day):
                    continue
                for clock_time in clock_times:
                    moment = datetime.combine(datetime(year, month, day), clock_time)  # noqa: DTZ001 - a wall clock
                    if moment >= start:
                        yield moment

    def _months_from(self, start: datetime) -> Iterator[tuple[int, int]]:
        for year in self.years:
            if year >= start.year:
                yield from ((year, month) for month in self.months if (year, month) >= (start.year, start.month))


def read_cron(fields: str) -> Cron:
    """Read the fields of a cron expression, without the word ``cron``.

    EventBridge Scheduler allows the year to be left out; the rules of EventBridge do not.

    Args:
        fields: Minutes, hours, day-of-month, month, day-of-week and year, with spaces between them.

    Raises:
        ScheduleError: It has faults; the error holds all of them.
    """
    schedule = f"cron({fields})"
    texts = fields.split()
    if not _FEWEST_FIELDS <= len(texts) <= len(FIELD_NAMES):
        six = f"six fields: {', '.join(FIELD_NAMES)}; the year may be left out"
        raise ScheduleError(schedule, [ScheduleFault("number of fields", str(len(texts)), six)])
    minutes_text, hours_text, of_month_text, month_text, of_week_text, year_text = [*texts, _EVERY_YEAR][:6]
    faults: list[ScheduleFault] = []
    minutes = _read(lambda: read_values(MINUTES, minutes_text), faults)
    hours = _read(lambda: read_values(HOURS, hours_text), faults)
    month_days = _read(lambda: read_month_days(of_month_text), faults)
    months = _read(lambda: read_values(MONTH, month_text), faults)
    week_days = _read(lambda: read_week_days(of_week_text), faults)
    years = _read(lambda: read_values(YEAR, year_text), faults)
    faults.extend(_day_faults(of_month_text, of_week_text))
    days = month_days or week_days
    if faults or days is None or minutes is None or hours is None or months is None or years is None:
        raise ScheduleError(schedule, faults)
    cron = Cron(minutes, hours, months, years, days)
    if next(cron.wall_times(_BEFORE_ALL), None) is None:
        never = ScheduleFault("day-of-month", of_month_text, "a day that one of the months has")
        raise ScheduleError(schedule, [never])
    return cron


def _read(read: Callable[[], _Read], faults: list[ScheduleFault]) -> _Read | None:
    try:
        return read()
    except ScheduleError as error:
        faults.extend(error.faults)
        return None


def _day_faults(of_month: str, of_week: str) -> list[ScheduleFault]:
    """Return the fault of two day fields that both restrict the days, or neither of which does."""
    found = f"{of_month} and {of_week}"
    both = ScheduleFault("day-of-month and day-of-week", found, "? in one of them, and not in the other")
    if of_month == of_week == ANY_DAY:
        return [ScheduleFault(both.field, found, both.allowed, "for every day, write * in day-of-month")]
    if ANY_DAY in (of_month, of_week):
        return []
    if of_week == "*":
        return [ScheduleFault(both.field, found, both.allowed, f"write {of_month} and ?")]
    if of_month == "*":
        return [ScheduleFault(both.field, found, both.allowed, f"write ? and {of_week}")]
    remedy = f"use two schedules: one with {of_month} and ?, one with ? and {of_week}"
    return [ScheduleFault(both.field, found, both.allowed, remedy)]
