"""When the next run of a pipeline starts that has one or more schedules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import takewhile

from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import Moments

LATEST_START = timedelta(hours=24)
"""How late a run may start without catch-up: EventBridge tries to deliver an invocation for 24 hours by default
(CreateSchedule, ``MaximumEventAgeInSeconds``)."""

_NEXT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What limits the next run.

    Attributes:
        earliest: The earliest moment; ``None`` for now.
        latest: The latest moment; ``None`` if there is none.
        previous: When the previous run was due; ``None`` if there is none.
        catches_up: Whether runs that were missed are made up for, all of them. Else only the latest one is, if it was
            due within `LATEST_START`.
    """

    earliest: datetime | None
    latest: datetime | None
    previous: datetime | None
    catches_up: bool


def next_run(schedules: Sequence[Moments], counted_from: datetime, bounds: Bounds, now: datetime) -> datetime | None:
    """Return when the next run is due; ``None`` if there is none.

    Args:
        schedules: The schedules. Where several of them are due at the same moment, one run serves them all.
        counted_from: The first run of a rate that has no start of its own.
        bounds: What limits the run.
        now: The present.
    """
    start = bounds.earliest or now
    if bounds.previous is not None:
        start = max(start, bounds.previous + _NEXT)
    if not bounds.catches_up:
        start = max(start, now - LATEST_START)
    moments = _moments(schedules, start, counted_from)
    due = next(moments, None)
    if not bounds.catches_up and due is not None and due <= now:
        for missed in takewhile(lambda moment: moment <= now, moments):
            due = missed
    return None if due is None or (bounds.latest is not None and due > bounds.latest) else due


def _moments(schedules: Sequence[Moments], start: datetime, counted_from: datetime) -> Iterator[datetime]:
    return merge(*(schedule.since(start, counted_from) for schedule in schedules))
