"""One schedule of a pipeline, as a DAG file writes it.

Its arguments are those of the SageMaker SDK's ``PipelineSchedule`` (``sagemaker.workflow.triggers``), and, beyond
these, what EventBridge Scheduler has: an end and a time zone (API reference, CreateSchedule).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.semantics.schedules.cron import Cron, read_cron
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError, ScheduleFault
from airflow_sm_pipelines.semantics.schedules.recurrence import cron_times, in_utc, moment_of, rate_times

_EXPRESSION = re.compile(r"\s*(?P<kind>at|rate|cron)\s*\((?P<content>.*)\)\s*", re.IGNORECASE | re.DOTALL)
_RATE = re.compile(r"\s*(?P<value>[0-9]{1,9})\s+(?P<unit>minute|hour|day)s?\s*")
_AT = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\s*")
_AT_FORMAT = "%Y-%m-%dT%H:%M:%S"
_LONGEST_INTERVAL = timedelta(days=36_500)
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "start_date": ((datetime,), "a datetime"),
    "at": ((datetime, str), "a datetime, or a text such as 2026-12-24T18:00:00"),
    "rate": ((tuple, str), "a number and its unit, such as (5, 'minutes')"),
    "cron": ((str,), "a text of six fields"),
    "end_date": ((datetime,), "a datetime"),
    "timezone": ((str,), "the name of a time zone"),
}
"""What each argument may be, besides ``None``."""
_KINDS = ("at", "rate", "cron")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSchedule:
    """When a pipeline runs by itself: once (``at``), at a rate (``rate``), or by the calendar (``cron``).

    Give exactly one of the three. Airflow's scheduler makes the runs.

    Args:
        name: A name for people; shown in the DAG's documentation.
        enabled: Whether it starts runs. A disabled schedule is only mentioned in the DAG's documentation.
        start_date: When it begins; without a time zone, in UTC. A rate is counted from it. EventBridge ignores it for
            ``at``. Default: the DAG's start date.
        at: The time of the only run: a ``datetime``, or a text such as ``2026-12-24T18:00:00``. Without a time zone, in
            ``timezone``.
        rate: A number and its unit, ``(5, "minutes")`` or ``"5 minutes"``; units are minutes, hours and days, and a day
            has 24 hours.
        cron: Six fields of EventBridge's language: minutes, hours, day-of-month, month, day-of-week (1 is Sunday),
            year.
        end_date: When it ends, like ``start_date``.
        timezone: Name of the time zone in which ``at`` and ``cron`` are read, e.g. ``Europe/Berlin``.

    Raises:
        ScheduleError: It is not valid; the error names every field with a fault.
    """

    name: str | None = None
    enabled: bool = True
    start_date: datetime | None = None
    at: datetime | str | None = None
    rate: tuple[int, str] | str | None = None
    cron: str | None = None
    end_date: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        self.moments()

    @property
    def expression(self) -> str:
        """The schedule in EventBridge's form: ``at(…)``, ``rate(…)`` or ``cron(…)``."""
        if isinstance(self.at, datetime):
            at = in_utc(self.at) if self.at.tzinfo else self.at
            return f"at({at.strftime(_AT_FORMAT)})"
        if isinstance(self.rate, tuple):
            return f"rate({' '.join(map(str, self.rate))})"
        kind, content = next((kind, getattr(self, kind)) for kind in _KINDS if getattr(self, kind) is not None)
        return f"{kind}({content})"

    @property
    def is_recurring(self) -> bool:
        """Whether it can run more than once."""
        return self.at is None

    def moments(self) -> Moments:
        """Return when it runs.

        Raises:
            ScheduleError: The schedule is not valid.
        """
        self._check_types()
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            fault = ScheduleFault("at, rate, cron", ", ".join(given) or "none of them", "exactly one of them")
            raise ScheduleError("PipelineSchedule", [fault])
        zone = _zone(self.timezone, self.expression)
        limits = self.start_date and in_utc(self.start_date), self.end_date and in_utc(self.end_date)
        if self.cron is not None:
            return Moments(zone, *limits, cron=read_cron(self.cron))
        if self.rate is not None:
            return Moments(zone, *limits, every=_interval(self.expression))
        if isinstance(self.at, datetime) and self.at.tzinfo and self.timezone != "UTC":
            fault = ScheduleFault(
                "at", self.at.isoformat(), "a time without a time zone, if `timezone` is given", "leave one of them out"
            )
            raise ScheduleError(self.expression, [fault])
        return Moments(zone, *limits, at=_moment(self.expression, zone))

    def _check_types(self) -> None:
        values = {name: getattr(self, name) for name in _TYPES}
        faults = [
            ScheduleFault(name, repr(value), _TYPES[name][1])
            for name, value in values.items()
            if value is not None and not isinstance(value, _TYPES[name][0])
        ]
        if faults:
            raise ScheduleError("PipelineSchedule", faults)

    def as_json(self) -> JsonObject:
        """Return the schedule as JSON, for Airflow's database."""
        return {
            "name": self.name,
            "enabled": self.enabled,
            "start_date": self.start_date.isoformat() if self.start_date else None,
            "expression": self.expression,
            "end_date": self.end_date.isoformat() if self.end_date else None,
            "timezone": self.timezone,
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> PipelineSchedule:
        """Return the schedule that `as_json` has stored.

        Raises:
            ScheduleError: This version does not take it for valid.
        """
        start_date, end_date = stored["start_date"], stored["end_date"]
        return read_expression(
            str(stored["expression"]),
            name=None if stored["name"] is None else str(stored["name"]),
            enabled=bool(stored["enabled"]),
            start_date=datetime.fromisoformat(str(start_date)) if start_date else None,
            end_date=datetime.fromisoformat(str(end_date)) if end_date else None,
            timezone=str(stored["timezone"]),
        )


@dataclass(frozen=True, slots=True)
class Moments:
    """When a schedule runs. One of ``cron``, ``every`` and ``at`` is set.

    Attributes:
        zone: The time zone in which cron expressions are read.
        start: The earliest moment, in UTC; ``at`` ignores it (CreateSchedule).
        end: The latest moment, likewise.
        cron: A cron expression.
        every: The time between two runs of a rate.
        at: The only moment.
    """

    zone: ZoneInfo
    start: datetime | None
    end: datetime | None
    cron: Cron | None = None
    every: timedelta | None = None
    at: datetime | None = None

    def since(self, start: datetime, counted_from: datetime) -> Iterator[datetime]:
        """Yield the moments from one on, in UTC and in order.

        Args:
            start: The earliest moment.
            counted_from: The first run of a rate that has no start of its own.
        """
        if self.at is not None:
            return iter([self.at] if self.at >= start else [])
        begin = max(start, self.start or start)
        if self.cron is not None:
            times = cron_times(self.cron, self.zone, begin)
        elif self.every is not None:
            times = rate_times(self.every, self.start or counted_from, begin)
        else:
            return iter(())
        end = self.end
        return times if end is None else takewhile(lambda moment: moment <= end, times)


def is_expression(text: str) -> bool:
    """Tell whether a text has one of EventBridge's forms, ``at(…)``, ``rate(…)`` and ``cron(…)``."""
    return _EXPRESSION.fullmatch(text) is not None


def read_expression(
    text: str,
    *,
    name: str | None = None,
    enabled: bool = True,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    timezone: str = "UTC",
) -> PipelineSchedule:
    """Return the schedule of an expression.

    Args:
        text: ``at(…)``, ``rate(…)`` or ``cron(…)``.
        name: As in `PipelineSchedule`, like all others.
        enabled: See there.
        start_date: See there.
        end_date: See there.
        timezone: See there.

    Raises:
        ScheduleError: It is not valid.
    """
    said = _EXPRESSION.fullmatch(text)
    if said is None:
        forms = "at(yyyy-mm-ddThh:mm:ss), rate(value unit), cron(fields)"
        raise ScheduleError(repr(text), [ScheduleFault("expression", text, forms)])
    content = {said["kind"].lower(): " ".join(said["content"].split())}
    return PipelineSchedule(
        name=name,
        enabled=enabled,
        start_date=start_date,
        end_date=end_date,
        timezone=timezone,
        at=content.get("at"),
        rate=content.get("rate"),
        cron=content.get("cron"),
    )


def _zone(name: str, expression: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError, TypeError) as error:
        allowed = "a name of the IANA time zone database, e.g. Europe/Berlin"
        raise ScheduleError(expression, [ScheduleFault("timezone", name, allowed)]) from error


def _interval(expression: str) -> timedelta:
    content = expression.removeprefix("rate(").removesuffix(")")
    said = _RATE.fullmatch(content)
    every = timedelta(**{f"{said['unit']}s": int(said["value"])}) if said else timedelta()
    if not timedelta() < every <= _LONGEST_INTERVAL:
        allowed = f"a number and minutes, hours or days, at most {_LONGEST_INTERVAL.days} days"
        raise ScheduleError(expression, [ScheduleFault("rate", content, allowed, "e.g. rate(5 minutes)")])
    return every


def _moment(expression: str, zone: ZoneInfo) -> datetime:
    content = expression.removeprefix("at(").removesuffix(")")
    allowed = "a time as yyyy-mm-ddThh:mm:ss"
    try:
        wall_time = datetime.fromisoformat(content.strip()) if _AT.fullmatch(content) else None
    except ValueError as error:
        raise ScheduleError(expression, [ScheduleFault("at", content, allowed, str(error))]) from error
    if wall_time is None:
        remedy = "the time zone is an argument of PipelineSchedule" if content.strip()[19:] else ""
        raise ScheduleError(expression, [ScheduleFault("at", content, allowed, remedy)])
    moment = moment_of(wall_time, zone)
    if moment is None:
        allowed = f"a time that the clock in {zone} shows"
        remedy = "it is skipped on that day; choose one before or after"
        raise ScheduleError(expression, [ScheduleFault("at", content, allowed, remedy)])
    return moment
