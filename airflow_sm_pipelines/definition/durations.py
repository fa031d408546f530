"""Durations as ``CacheConfig.ExpireAfter`` has them: ISO 8601, with ``P`` and case free (``30d``, ``PT1H``, ``T16m``).

Source: developer guide, "Turn on step caching"; the SDK's ``CacheConfig``.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta

_MOST_DIGITS = 9

# Compiled on first use: most steps have no CacheConfig.
_DURATION = (
    r"(?i)P?(?=[0-9T])((?P<years>\d+)Y)?((?P<months>\d+)M)?((?P<weeks>\d+)W)?((?P<days>\d+)D)?"
    r"(T(?=[0-9])((?P<hours>\d+)H)?((?P<minutes>\d+)M)?((?P<seconds>\d+)S)?)?"
)


@dataclass(frozen=True, slots=True)
class Duration:
    """A period of time. Years and months are those of the calendar, as in ISO 8601.

    Attributes:
        months: Number of months, years included.
        rest: Weeks, days, hours, minutes and seconds; ``None`` if the whole duration is longer than dates can tell.
    """

    months: int
    rest: timedelta | None

    def after(self, start: datetime) -> datetime | None:
        """Return the end of the period; ``None`` if it is later than any date.

        The last day of a shorter month stands for a day that it does not have.

        Args:
            start: The beginning of the period.
        """
        year, month = divmod(start.month - 1 + self.months, 12)
        year, month = start.year + year, month + 1
        if self.rest is None or year > MAXYEAR:
            return None
        try:
            return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1])) + self.rest
        except OverflowError:
            return None


def is_duration(text: str) -> bool:
    """Tell whether a text is a duration."""
    return re.fullmatch(_DURATION, text, re.ASCII) is not None


def parse_duration(text: str) -> Duration:
    """Return the duration that a text stands for.

    Raises:
        ValueError: The text is no duration.
    """
    found = re.fullmatch(_DURATION, text, re.ASCII)
    if found is None:
        raise ValueError(f"not an ISO 8601 duration: {text!r}")
    if any(len(digits) > _MOST_DIGITS for digits in found.groupdict().values() if digits):
        return Duration(0, None)
    number = {unit: int(digits or 0) for unit, digits in found.groupdict().items()}
    months = 12 * number.pop("years") + number.pop("months")
    try:
        return Duration(months, timedelta(**number))
    except OverflowError:
        return Duration(0, None)
