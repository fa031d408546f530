"""The fields of an EventBridge cron expression, and the values that each of them names.

Source: "Setting a schedule pattern for scheduled rules" (EventBridge user guide), and "Schedule types" (EventBridge
Scheduler user guide), whose tables are the same. *Assumed*, after the Quartz scheduler, whose grammar this is: a range
goes on after the last value in every field but the year (the guide shows ``20-2`` for the hours), names may be in lower
case, ``L-3`` is three days before the last of the month, and days of the week take steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

from airflow_sm_pipelines.semantics.schedules.cron_days import MonthDays, WeekDays
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError, ScheduleFault

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SUNDAY, _SATURDAY = 1, 7
ANY_DAY = "?"

_ELEMENT = re.compile(r"(?P<start>\*|\w{1,9})(-(?P<end>\w{1,9}))?(/(?P<step>[0-9]{1,4}))?", re.IGNORECASE)
_LAST_DAY = re.compile(r"L(-(?P<before>[0-9]{1,2}))?", re.IGNORECASE)
_NEAREST_WEEKDAY = re.compile(r"(?P<day>[0-9]{1,2})W", re.IGNORECASE)
_LAST_OF_WEEKDAY = re.compile(r"(?P<day>\w{1,9})L", re.IGNORECASE)
_NTH_OF_WEEKDAY = re.compile(r"(?P<day>\w{1,9})#(?P<nth>[0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a cron expression.

    Attributes:
        name: Its name in the documents.
        first: The least value.
        last: The greatest value.
        wildcards: The wildcards that it allows, as the documents list them.
        names: Names of the values, from the least on; empty if they have none.
        is_cyclic: Whether a range may go on after the last value.
    """

    name: str
    first: int
    last: int
    wildcards: str = ", - * /"
    names: tuple[str, ...] = ()
    is_cyclic: bool = True

    @property
    def allowed(self) -> str:
        """What the field may say, in words."""
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.first}-{self.last}{names}, with {self.wildcards}"

    def error(self, found: str, remedy: str = "") -> ScheduleError:
        """Return the error of a text in this field."""
        return ScheduleError(found, [ScheduleFault(self.name, found, self.allowed, remedy)])


MINUTES = Field("minutes", 0, 59)
HOURS = Field("hours", 0, 23)
DAY_OF_MONTH = Field("day-of-month", 1, 31, ", - * ? / L W")
MONTH = Field("month", 1, 12, names=_MONTHS)
DAY_OF_WEEK = Field("day-of-week", _SUNDAY, _SATURDAY, ", - * ? / L #", _WEEK)
YEAR = Field("year", 1970, 2199, is_cyclic=False)


def read_values(field: Field, text: str) -> tuple[int, ...]:
    """Return the values that a field names, in order.

    Raises:
        ScheduleError: The text does not follow the grammar, or names a value that the field does not have.
    """
    return tuple(sorted({*chain.from_iterable(_element_values(field, element) for element in _elements(text))}))


def read_month_days(text: str) -> MonthDays | None:
    """Return the days that a day-of-month names, ``None`` for ``?``.

    Raises:
        ScheduleError: As in `read_values`.
    """
    if text == ANY_DAY:
        return None
    days: set[int] = set()
    before_last: set[int] = set()
    nearest_weekdays: set[int] = set()
    elements = _elements(text)
    for element in elements:
        if last := _LAST_DAY.fullmatch(element):
            before_last.add(int(last["before"] or 0))
        elif nearest := _NEAREST_WEEKDAY.fullmatch(element):
            nearest_weekdays.add(_value(DAY_OF_MONTH, nearest["day"], element))
        elif element.upper() != "LW":
            days.update(_element_values(DAY_OF_MONTH, element))
    return MonthDays(frozenset(days), frozenset(before_last), frozenset(nearest_weekdays), "LW" in text.upper())


def read_week_days(text: str) -> WeekDays | None:
    """Return the days that a day-of-week names, ``None`` for ``?``.

    Raises:
        ScheduleError: As in `read_values`.
    """
    if text == ANY_DAY:
        return None
    elements = _elements(text)
    if "#" in text and len(elements) > 1:
        raise DAY_OF_WEEK.error(text, "with #, one day only: use a schedule for each of them")
    days: set[int] = set()
    last: set[int] = set()
    nth: set[tuple[int, int]] = set()
    for element in elements:
        if element.upper() == "L":
            days.add(_SATURDAY)
        elif last_of := _LAST_OF_WEEKDAY.fullmatch(element):
            last.add(_value(DAY_OF_WEEK, last_of["day"], element))
        elif nth_of := _NTH_OF_WEEKDAY.fullmatch(element):
            nth.add((_value(DAY_OF_WEEK, nth_of["day"], element), _nth(nth_of["nth"], element)))
        else:
            days.update(_element_values(DAY_OF_WEEK, element))
    return WeekDays(frozenset(days), frozenset(last), frozenset(nth))


def _elements(text: str) -> list[str]:
    return text.split(",")


def _element_values(field: Field, element: str) -> list[int]:
    """Return the values of ``7``, ``MON``, ``2-5``, ``*`` and these with a step."""
    said = _ELEMENT.fullmatch(element)
    if not said or (said["start"] == "*" and said["end"]):
        raise field.error(element)
    start = field.first if said["start"] == "*" else _value(field, said["start"], element)
    if said["end"]:
        end = _value(field, said["end"], element)
    else:
        end = field.last if said["start"] == "*" or said["step"] else start
    step = int(said["step"] or 1)
    if step == 0:
        raise field.error(element, "the step after / is at least 1")
    if start <= end:
        return list(range(start, end + 1, step))
    if not field.is_cyclic:
        raise field.error(element, f"write the earlier one first: {said['end']}-{said['start']}")
    values = field.last - field.first + 1
    return [field.first + value % values for value in range(start - field.first, end - field.first + values + 1, step)]


def _value(field: Field, text: str, element: str) -> int:
    name = text.upper()
    if name in field.names:
        return field.first + field.names.index(name)
    if not (text.isascii() and text.isdecimal()):
        short = next((known for known in field.names if name.startswith(known)), "")
        raise field.error(element, f"write {short}" if short else "")
    if not field.first <= int(text) <= field.last:
        remedy = "Sunday is 1, as SUN" if field is DAY_OF_WEEK and int(text) == 0 else ""
        raise field.error(element, remedy)
    return int(text)


def _nth(text: str, element: str) -> int:
    if not 1 <= int(text) <= 5:
        raise DAY_OF_WEEK.error(element, "after # stands 1 to 5, the week of the month")
    return int(text)
