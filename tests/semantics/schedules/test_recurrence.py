"""Daylight saving and rates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.schedules.cron import read_cron
from airflow_sm_pipelines.semantics.schedules.recurrence import cron_times, in_utc, moment_of, rate_times

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# The example of "Schedule types on EventBridge Scheduler" (EventBridge Scheduler user guide), section "Daylight savings
# time on EventBridge Scheduler": cron(30 2 * * ? *) in America/Los_Angeles.


def test_a_time_that_the_clock_skips_in_spring_is_skipped() -> None:
    times = cron_times(read_cron("30 2 * * ? *"), LOS_ANGELES, moment("2027-03-13T00:00Z"))

    assert [*islice(times, 2)] == [moment("2027-03-13T10:30Z"), moment("2027-03-15T09:30Z")]


def test_a_time_that_the_clock_shows_twice_in_autumn_runs_once_before_the_shift() -> None:
    times = cron_times(read_cron("30 1 * * ? *"), LOS_ANGELES, moment("2027-11-07T00:00Z"))

    assert [*islice(times, 2)] == [moment("2027-11-07T08:30Z"), moment("2027-11-08T09:30Z")]


def test_the_repeated_hour_does_not_run_even_if_it_is_asked_for_in_its_middle() -> None:
    repeated = moment("2027-11-07T09:10Z")  # 1:10 for the second time

    assert next(cron_times(read_cron("0/15 * * * ? *"), LOS_ANGELES, repeated)) == moment("2027-11-07T10:00Z")


def test_a_clock_time_that_does_not_exist_is_no_moment() -> None:
    assert moment_of(moment("2027-03-14T02:30"), LOS_ANGELES) is None
    assert moment_of(moment("2027-03-14T03:00"), LOS_ANGELES) == moment("2027-03-14T10:00Z")


SHIFTS = [
    ("America/New_York", "2027-03-14T07:00Z"),
    ("America/New_York", "2027-11-07T06:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("Asia/Kolkata", "2026-10-25T01:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),  # a day that never was
]


@pytest.mark.parametrize(("name", "shift"), SHIFTS)
@given(
    fields=st.sampled_from(["0/15 * * * ? *", "30 1-3 * * ? *", "7 * * * ? *", "0 0/2 * * ? *", "59 23 ? * SAT,SUN *"]),
    hours=st.integers(-30, 6),
    minutes=st.integers(0, 59),
)
@settings(max_examples=8, deadline=None)
def test_the_moments_around_a_shift_are_those_of_a_walk_over_every_minute(
    name: str, shift: str, fields: str, hours: int, minutes: int
) -> None:
    zone, cron = ZoneInfo(name), read_cron(fields)
    begin = moment(shift) + timedelta(hours=hours, minutes=minutes)
    walk = [begin + timedelta(minutes=n) for n in range(36 * 60)]

    def runs(at: datetime) -> bool:
        local = at.astimezone(zone)
        return not local.fold and (
            local.minute in cron.minutes
            and local.hour in cron.hours
            and local.day in cron.days.of_month(local.year, local.month)
        )

    expected = [at for at in walk if runs(at)]

    assert [*islice(cron_times(cron, zone, begin), len(expected))] == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-01-01T00:00Z", "2026-01-01T10:00Z"),
        ("2026-01-01T10:00Z", "2026-01-01T10:00Z"),
        ("2026-01-01T10:00:01Z", "2026-01-02T10:00Z"),
        ("2026-03-31T10:01Z", "2026-04-01T10:00Z"),
    ],
)
def test_a_rate_is_counted_from_its_first_run(start: str, expected: str) -> None:
    times = rate_times(timedelta(days=1), moment("2026-01-01T10:00Z"), moment(start))

    assert [*islice(times, 2)] == [moment(expected), moment(expected) + timedelta(days=1)]


def test_a_day_of_a_rate_has_24_hours_whatever_the_clocks_do() -> None:
    first = datetime(2027, 3, 13, 12, tzinfo=LOS_ANGELES)
    times = rate_times(timedelta(days=1), in_utc(first), in_utc(first))

    assert [at.astimezone(LOS_ANGELES).hour for at in islice(times, 2)] == [12, 13]


@given(every=st.integers(1, 5000), gap=st.integers(-100_000, 100_000))
def test_the_moments_of_a_rate_are_those_of_a_walk(every: int, gap: int) -> None:
    first = moment("2026-01-01T00:00Z")
    start = first + timedelta(minutes=gap)
    walk = first
    while walk < start:
        walk += timedelta(minutes=every)

    assert next(rate_times(timedelta(minutes=every), first, start)) == walk


def test_moments_of_airflow_become_plain_ones() -> None:
    plain = in_utc(pendulum.datetime(2026, 1, 1, 10, tz="Europe/Berlin"))

    assert (type(plain), plain) == (datetime, moment("2026-01-01T09:00Z"))
    assert in_utc(moment("2026-01-01T09:00")) == plain.astimezone(UTC)
