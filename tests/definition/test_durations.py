"""Durations of ExpireAfter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_sm_pipelines.definition.durations import is_duration, parse_duration

START = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("30d", datetime(2026, 3, 2, 10, 30, tzinfo=UTC)),
        ("5y", datetime(2031, 1, 31, 10, 30, tzinfo=UTC)),
        ("T16m", datetime(2026, 1, 31, 10, 46, tzinfo=UTC)),
        ("30dT5h", datetime(2026, 3, 2, 15, 30, tzinfo=UTC)),
        ("PT1H", datetime(2026, 1, 31, 11, 30, tzinfo=UTC)),
        ("p30d", datetime(2026, 3, 2, 10, 30, tzinfo=UTC)),
        ("P1M", datetime(2026, 2, 28, 10, 30, tzinfo=UTC)),
        ("16m", datetime(2027, 5, 31, 10, 30, tzinfo=UTC)),
        ("P13M", datetime(2027, 2, 28, 10, 30, tzinfo=UTC)),
        ("P2W", datetime(2026, 2, 14, 10, 30, tzinfo=UTC)),
        ("P1Y2M3W4DT5H6M7S", datetime(2027, 4, 25, 15, 36, 7, tzinfo=UTC)),
    ],
)
def test_a_duration_leads_from_its_start_to_its_end(text: str, end: datetime) -> None:
    assert is_duration(text)
    assert parse_duration(text).after(START) == end


def test_the_leap_day_of_a_year_without_one_is_the_last_of_february() -> None:
    assert parse_duration("P1Y").after(datetime(2028, 2, 29, tzinfo=UTC)) == datetime(2029, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize("text", ["9999y", "99999999999999999999d", "9" * 5000 + "d", "P999999999W", "999999999M"])
def test_a_duration_beyond_every_date_never_ends(text: str) -> None:
    assert is_duration(text)
    assert parse_duration(text).after(START) is None


@pytest.mark.parametrize("text", ["", "P", "PT", "1", "1x", "T", "1d2h", "<time>", "٣d"])
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    assert not is_duration(text)
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        parse_duration(text)


def test_seconds_count() -> None:
    assert parse_duration("PT90S").after(START) == START + timedelta(seconds=90)
