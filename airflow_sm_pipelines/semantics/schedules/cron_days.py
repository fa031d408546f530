"""The days of a month that the day fields of an EventBridge cron expression name."""

from __future__ import annotations

from calendar import monthrange, weekday
from dataclasses import dataclass

_PYTHON_SATURDAY, _PYTHON_SUNDAY = 5, 6
_DAYS_OF_WEEK = 7


@dataclass(frozen=True, slots=True)
class MonthDays:
    """The field day-of-month.

    Attributes:
        days: Days by number. A month that has no such day is left out.
        before_last: How many days before the last of the month: ``L`` is 0.
        nearest_weekdays: ``15W``: the weekday that is nearest to the day, within the month. *Assumed*: a month that
            has no such day is left out.
        has_last_weekday: ``LW``: the last Monday to Friday of the month.
    """

    days: frozenset[int]
    before_last: frozenset[int] = frozenset()
    nearest_weekdays: frozenset[int] = frozenset()
    has_last_weekday: bool = False

    def of_month(self, year: int, month: int) -> set[int]:
        """Return the days of a month."""
        _, last = monthrange(year, month)
        found = {day for day in self.days if day <= last}
        found |= {last - before for before in self.before_last if before < last}
        found |= {_nearest_weekday(year, month, day) for day in self.nearest_weekdays if day <= last}
        if self.has_last_weekday:
            found.add(_nearest_weekday(year, month, last))
        return found


@dataclass(frozen=True, slots=True)
class WeekDays:
    """The field day-of-week, whose days have EventBridge's numbers: 1 is Sunday, 7 is Saturday.

    Attributes:
        days: Days of every week.
        last: ``6L``: the last such day of the month.
        nth: ``6#3``: the third such day of the month, if it has one.
    """

    days: frozenset[int]
    last: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def of_month(self, year: int, month: int) -> set[int]:
        """Return the days of a month."""
        _, last = monthrange(year, month)
        found = set()
        for day in range(1, last + 1):
            of_week = _day_of_week(year, month, day)
            week_of_month = (day - 1) // _DAYS_OF_WEEK + 1
            is_last = day + _DAYS_OF_WEEK > last
            if of_week in self.days or (of_week, week_of_month) in self.nth or (is_last and of_week in self.last):
                found.add(day)
        return found


def _day_of_week(year: int, month: int, day: int) -> int:
    return (weekday(year, month, day) + 1) % _DAYS_OF_WEEK + 1


def _nearest_weekday(year: int, month: int, day: int) -> int:
    _, last = monthrange(year, month)
    of_week = weekday(year, month, day)
    if of_week == _PYTHON_SATURDAY:
        return day - 1 if day > 1 else day + 2
    if of_week == _PYTHON_SUNDAY:
        return day + 1 if day < last else day - 2
    return day
