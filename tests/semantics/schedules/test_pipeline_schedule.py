"""`PipelineSchedule`, and the three forms of EventBridge."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pytest

from airflow_sm_pipelines import PipelineSchedule
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError
from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import is_expression, read_expression

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def times(schedule: PipelineSchedule, most: int = 3, since: datetime = FIRST) -> list[str]:
    return [at.strftime("%Y-%m-%dT%H:%M:%S") for at in islice(schedule.moments().since(since, EPOCH), most)]


# The three examples of "Create a pipeline schedule" (SageMaker developer guide, "Schedule Pipeline Runs").


def test_the_sdks_own_schedules_mean_the_same() -> None:
    at = PipelineSchedule(name="once", at=moment("2026-12-13T10:15:20"))
    rate = PipelineSchedule(name="often", rate=(5, "minutes"))
    cron = PipelineSchedule(name="fridays", cron="15 10 ? * 6L 2026-2027")

    assert [one.expression for one in (at, rate, cron)] == [
        "at(2026-12-13T10:15:20)",
        "rate(5 minutes)",
        "cron(15 10 ? * 6L 2026-2027)",
    ]
    assert times(at) == ["2026-12-13T10:15:20"]
    assert times(rate, 2) == ["2026-01-01T00:00:00", "2026-01-01T00:05:00"]
    assert times(cron, 2) == ["2026-01-30T10:15:00", "2026-02-27T10:15:00"]


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("cron(0 12 ? * MON *)", "cron(0 12 ? * MON *)"),
        (" CRON ( 0  12 ?\t* MON * ) ", "cron(0 12 ? * MON *)"),
        ("rate(1 day)", "rate(1 day)"),
        ("rate(1 days)", "rate(1 days)"),
        ("at(2026-12-24T18:00:00)", "at(2026-12-24T18:00:00)"),
    ],
)
def test_the_three_forms_are_read(text: str, expression: str) -> None:
    assert is_expression(text)
    assert read_expression(text).expression == expression


def test_a_time_with_a_time_zone_is_that_moment() -> None:
    schedule = PipelineSchedule(at=datetime(2026, 12, 24, 18, tzinfo=timezone(timedelta(hours=2))))

    assert schedule.expression == "at(2026-12-24T16:00:00)"


def test_at_and_cron_are_read_in_the_time_zone_of_the_schedule() -> None:
    berlin = {"timezone": "Europe/Berlin"}

    assert times(PipelineSchedule(at="2026-07-01T12:00:00", **berlin)) == ["2026-07-01T10:00:00"]
    assert times(PipelineSchedule(cron="0 12 1 1,7 ? *", **berlin), 2) == ["2026-01-01T11:00:00", "2026-07-01T10:00:00"]


def test_a_schedule_runs_from_its_start_to_its_end_both_included() -> None:
    limits = {"start_date": moment("2026-01-02T00:00"), "end_date": moment("2026-01-04T01:00+01:00")}

    assert times(PipelineSchedule(cron="0 0 * * ? *", **limits), 9) == [
        "2026-01-02T00:00:00",
        "2026-01-03T00:00:00",
        "2026-01-04T00:00:00",
    ]
    assert times(PipelineSchedule(rate=(2, "days"), **limits), 9) == ["2026-01-02T00:00:00", "2026-01-04T00:00:00"]


def test_a_rate_is_counted_from_the_start_of_its_schedule() -> None:
    assert times(PipelineSchedule(rate="1 day", start_date=moment("2025-06-01T07:30")), 1) == ["2026-01-01T07:30:00"]


def test_a_single_time_ignores_start_and_end() -> None:
    limits = {"start_date": moment("2027-01-01"), "end_date": moment("2027-02-01")}

    assert times(PipelineSchedule(at="2026-12-24T18:00:00", **limits)) == ["2026-12-24T18:00:00"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "at, rate, cron: found 'none of them', allowed: exactly one of them"),
        ({"rate": "1 day", "cron": "0 0 * * ? *"}, "at, rate, cron: found 'rate, cron', allowed: exactly one of them"),
        (
            {"rate": (0, "minutes")},
            "rate: found '0 minutes', allowed: a number and minutes, hours or days, at most 36500 days; "
            "e.g. rate(5 minutes)",
        ),
        (
            {"rate": "2 weeks"},
            "rate: found '2 weeks', allowed: a number and minutes, hours or days, at most 36500 days; "
            "e.g. rate(5 minutes)",
        ),
        (
            {"rate": "999999999 days"},
            "rate: found '999999999 days', allowed: a number and minutes, hours or days, at most 36500 days; "
            "e.g. rate(5 minutes)",
        ),
        ({"at": "2026-12-24"}, "at: found '2026-12-24', allowed: a time as yyyy-mm-ddThh:mm:ss"),
        (
            {"at": "2026-12-24T18:00:00Z"},
            "at: found '2026-12-24T18:00:00Z', allowed: a time as yyyy-mm-ddThh:mm:ss; "
            "the time zone is an argument of PipelineSchedule",
        ),
        (
            {"at": "2027-03-14T02:30:00", "timezone": "America/New_York"},
            "at: found '2027-03-14T02:30:00', allowed: a time that the clock in America/New_York shows; "
            "it is skipped on that day; choose one before or after",
        ),
        (
            {"at": datetime(2026, 12, 24, tzinfo=UTC), "timezone": "Europe/Berlin"},
            "at: found '2026-12-24T00:00:00+00:00', allowed: a time without a time zone, if `timezone` is given; "
            "leave one of them out",
        ),
        (
            {"rate": "1 day", "timezone": "Mars/Olympus"},
            "timezone: found 'Mars/Olympus', allowed: a name of the IANA time zone database, e.g. Europe/Berlin",
        ),
        (
            {"rate": "1 day", "timezone": "../../etc/passwd"},
            "timezone: found '../../etc/passwd', allowed: a name of the IANA time zone database, e.g. Europe/Berlin",
        ),
    ],
)
def test_a_wrong_schedule_is_refused_with_the_field_and_what_it_allows(
    arguments: dict[str, object], fault: str
) -> None:
    with pytest.raises(ScheduleError) as refused:
        PipelineSchedule(**arguments)

    assert [str(one) for one in refused.value.faults] == [fault]


def test_arguments_of_a_wrong_type_are_refused_at_once() -> None:
    with pytest.raises(ScheduleError) as refused:
        PipelineSchedule(rate=5, start_date="2026-01-01", timezone=UTC)  # type: ignore[arg-type]

    assert [str(fault) for fault in refused.value.faults] == [
        "start_date: found \"'2026-01-01'\", allowed: a datetime",
        "rate: found '5', allowed: a number and its unit, such as (5, 'minutes')",
        "timezone: found 'datetime.timezone.utc', allowed: the name of a time zone",
    ]


def test_a_date_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ScheduleError, match="found '2026-02-30T00:00:00'"):
        PipelineSchedule(at="2026-02-30T00:00:00")


def test_a_text_of_another_form_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r"allowed: at\(yyyy-mm-ddThh:mm:ss\), rate\(value unit\), cron\(fields\)"):
        read_expression("cron(0 12 ? * MON *")


@pytest.mark.parametrize(
    "schedule",
    [
        PipelineSchedule(cron="0 0 ? * 6L *", name="n", timezone="Europe/Berlin", end_date=moment("2030-01-01T00:00Z")),
        PipelineSchedule(rate=(3, "hours"), start_date=moment("2026-01-01T00:00"), enabled=False),
        PipelineSchedule(at="2026-12-24T18:00:00"),
    ],
)
def test_a_stored_schedule_is_the_same(schedule: PipelineSchedule) -> None:
    stored = json.loads(json.dumps(schedule.as_json()))

    assert PipelineSchedule.from_json(stored).as_json() == schedule.as_json()
    assert times(PipelineSchedule.from_json(stored)) == times(schedule)
