"""The next run of a pipeline with schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import Moments, read_expression
from airflow_sm_pipelines.semantics.schedules.run_times import Bounds, next_run

LONG_AGO = datetime(2020, 12, 1, tzinfo=UTC)
NOON_DAILY = ["cron(0 12 * * ? *)"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z")


def due(
    schedules: list[str],
    now: str,
    *,
    previous: str | None = None,
    earliest: datetime | None = LONG_AGO,
    latest: datetime | None = None,
    catches_up: bool = False,
) -> str | None:
    moments: list[Moments] = [read_expression(text).moments() for text in schedules]
    bounds = Bounds(earliest, latest, moment(previous) if previous else None, catches_up)
    found = next_run(moments, LONG_AGO, bounds, moment(now))
    return found and found.strftime("%Y-%m-%dT%H:%M")


def test_the_next_run_is_the_first_that_is_due() -> None:
    assert due(NOON_DAILY, "2026-11-21T13:00", previous="2026-11-21T12:00") == "2026-11-22T12:00"


def test_a_run_that_was_missed_starts_late() -> None:
    assert due(NOON_DAILY, "2026-11-21T12:05", previous="2026-11-20T12:00") == "2026-11-21T12:00"
    assert due(["at(2026-11-21T12:00:00)"], "2026-11-21T18:00") == "2026-11-21T12:00"


def test_of_several_missed_runs_the_latest_starts() -> None:
    assert due(["rate(1 hour)"], "2026-11-21T12:05", previous="2026-11-21T02:00") == "2026-11-21T12:00"


def test_a_run_that_was_due_more_than_24_hours_ago_does_not_start() -> None:
    assert due(["cron(0 12 1 * ? *)"], "2026-11-21T12:00") == "2026-12-01T12:00"
    assert due(["at(2023-12-13T10:15:20)"], "2026-11-21T12:00") is None
    assert due(["cron(15 10 ? * 6L 2022-2023)"], "2026-11-21T12:00") is None


def test_catch_up_makes_up_for_every_run_since_the_start_date() -> None:
    start = moment("2026-11-01T12:00")

    assert due(NOON_DAILY, "2026-11-21T13:00", earliest=start, catches_up=True) == "2026-11-01T12:00"
    again = due(NOON_DAILY, "2026-11-21T13:00", earliest=start, previous="2026-11-01T12:00", catches_up=True)
    assert again == "2026-11-02T12:00"


def test_no_run_starts_before_the_start_or_after_the_end_of_the_dag() -> None:
    assert due(NOON_DAILY, "2026-11-21T13:00", earliest=moment("2027-01-01T00:00")) == "2027-01-01T12:00"
    previous, noon = "2026-11-21T12:00", moment("2026-11-22T12:00")
    assert due(NOON_DAILY, "2026-11-21T13:00", previous=previous, latest=noon) == "2026-11-22T12:00"
    assert due(NOON_DAILY, "2026-11-21T13:00", previous=previous, latest=noon - timedelta(minutes=1)) is None


def test_several_schedules_take_turns_and_one_run_serves_those_of_the_same_moment() -> None:
    both = ["cron(0 12 * * ? *)", "rate(12 hours)"]

    assert due(both, "2026-11-21T00:01", previous="2026-11-21T00:00") == "2026-11-21T12:00"
    assert due(both, "2026-11-21T12:01", previous="2026-11-21T12:00") == "2026-11-22T00:00"


def test_a_single_time_runs_once() -> None:
    once = ["at(2026-11-21T12:00:00)"]

    assert due(once, "2026-11-21T00:00") == "2026-11-21T12:00"
    assert due(once, "2026-11-21T12:01", previous="2026-11-21T12:00") is None


def test_without_a_start_date_the_past_does_not_count() -> None:
    assert due(NOON_DAILY, "2026-11-21T13:00", earliest=None, catches_up=True) == "2026-11-22T12:00"
