"""EventBridge's cron expressions: the documents' own examples, and a walk over every minute that decides by itself."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.schedules.cron import read_cron
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError

SATURDAY = "2026-11-21T09:00"

# Sources: "Setting a schedule pattern for scheduled rules" (EventBridge user guide:
# docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html), "Schedule types on EventBridge
# Scheduler" (docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html), and "Schedule expressions using rate
# or cron" (Lambda developer guide). They say in words when each runs; the dates are those of the calendar.
DOCUMENTED = [
    ("10:00 every day", "0 10 * * ? *", SATURDAY, ["2026-11-21T10:00", "2026-11-22T10:00", "2026-11-23T10:00"]),
    ("12:15 every day", "15 12 * * ? *", SATURDAY, ["2026-11-21T12:15", "2026-11-22T12:15"]),
    (
        "18:00 Monday through Friday",
        "0 18 ? * MON-FRI *",
        "2026-11-20T18:01",
        ["2026-11-23T18:00", "2026-11-24T18:00", "2026-11-25T18:00", "2026-11-26T18:00", "2026-11-27T18:00"],
    ),
    ("08:00 on the first of the month", "0 8 1 * ? *", SATURDAY, ["2026-12-01T08:00", "2027-01-01T08:00"]),
    ("every 15 minutes", "0/15 * * * ? *", SATURDAY, ["2026-11-21T09:00", "2026-11-21T09:15", "2026-11-21T09:30"]),
    (
        "every 10 minutes Monday through Friday",
        "0/10 * ? * MON-FRI *",
        "2026-11-20T23:50",
        ["2026-11-20T23:50", "2026-11-23T00:00", "2026-11-23T00:10"],
    ),
    (
        "every 5 minutes Monday through Friday from 8:00 to 17:55",
        "0/5 8-17 ? * MON-FRI *",
        "2026-11-20T17:50",
        ["2026-11-20T17:50", "2026-11-20T17:55", "2026-11-23T08:00", "2026-11-23T08:05"],
    ),
    (
        "every 30 minutes from the evening to 2:00, Monday morning included",
        "0/30 20-2 ? * MON-FRI *",
        "2026-11-20T23:00",
        ["2026-11-20T23:00", "2026-11-20T23:30", "2026-11-23T00:00", "2026-11-23T00:30", "2026-11-23T01:00"],
    ),
    ("12:00 every day", "0 12 * * ? *", SATURDAY, ["2026-11-21T12:00", "2026-11-22T12:00"]),
    ("14:05 and 14:35 every day", "5,35 14 * * ? *", SATURDAY, ["2026-11-21T14:05", "2026-11-21T14:35"]),
    (
        "10:15 on the last Friday of each month from 2019 to 2022",
        "15 10 ? * 6L 2019-2022",
        "2022-10-01T00:00",
        ["2022-10-28T10:15", "2022-11-25T10:15", "2022-12-30T10:15"],
    ),
    ("9:00 on the first Monday of each month", "0 9 ? * 2#1 *", SATURDAY, ["2026-12-07T09:00", "2027-01-04T09:00"]),
    ("the second Tuesday of the month", "0 0 ? * 3#2 *", SATURDAY, ["2026-12-08T00:00", "2027-01-12T00:00"]),
    ("the weekday closest to the third", "0 0 3W * ? *", "2026-10-01T00:00", ["2026-10-02T00:00", "2026-11-03T00:00"]),
    ("January, February and March", "0 0 1 JAN,FEB,MAR ? *", SATURDAY, ["2027-01-01T00:00", "2027-02-01T00:00"]),
    ("days 1 through 15", "0 0 1-15 * ? *", "2026-11-15T00:00", ["2026-11-15T00:00", "2026-12-01T00:00"]),
    ("every tenth minute from the first", "1/10 9 * * ? *", SATURDAY, ["2026-11-21T09:01", "2026-11-21T09:11"]),
    ("8:30 every day, without a year", "30 8 * * ?", SATURDAY, ["2026-11-22T08:30", "2026-11-23T08:30"]),
    ("the last day of the month", "0 0 L * ? *", SATURDAY, ["2026-11-30T00:00", "2026-12-31T00:00"]),
    ("the last day of the week", "0 0 ? * L *", SATURDAY, ["2026-11-28T00:00", "2026-12-05T00:00"]),
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("fields", "start", "expected"), [row[1:] for row in DOCUMENTED], ids=[r[0] for r in DOCUMENTED]
)
def test_it_runs_when_the_documents_say(fields: str, start: str, expected: list[str]) -> None:
    times = read_cron(fields).wall_times(moment(start))

    assert [*islice(times, len(expected))] == [moment(text) for text in expected]


def test_a_year_that_is_over_names_no_time() -> None:
    assert next(read_cron("15 10 ? * 6L 2019-2022").wall_times(moment("2022-12-30T10:16")), None) is None


@pytest.mark.parametrize(
    ("day_of_week", "first"),
    [
        ("1", "2026-11-22"),
        ("SUN", "2026-11-22"),
        ("2", "2026-11-23"),
        ("7", "2026-11-21"),
        ("sat", "2026-11-21"),
        ("6-2", "2026-11-21"),
        ("3-4", "2026-11-24"),
        ("FRIL", "2026-11-27"),
        ("FRI#5", "2027-01-29"),
        ("2/2", "2026-11-23"),
    ],
)
def test_days_of_the_week_are_counted_from_sunday(day_of_week: str, first: str) -> None:
    times = read_cron(f"0 0 ? * {day_of_week} *").wall_times(moment("2026-11-21T00:00"))

    assert next(times) == moment(first)


def test_the_weekday_nearest_to_a_saturday_the_first_is_the_monday_after_it_in_the_same_month() -> None:
    assert next(read_cron("0 0 1W 8 ? *").wall_times(moment("2026-07-01"))) == moment("2026-08-03")


@pytest.mark.parametrize(
    ("day_of_month", "expected"),
    [
        ("LW", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("1W", ["2026-01-01", "2026-02-02", "2026-03-02"]),
        ("31W", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("L-1", ["2026-01-30", "2026-02-27", "2026-03-30"]),
        ("29", ["2026-01-29", "2026-03-29", "2026-04-29"]),
        ("30-2", ["2026-01-01", "2026-01-02", "2026-01-30"]),
        ("1,15W,L", ["2026-01-01", "2026-01-15", "2026-01-31"]),
        ("10/15", ["2026-01-10", "2026-01-25", "2026-02-10"]),
    ],
)
def test_days_of_the_month_may_depend_on_the_month(day_of_month: str, expected: list[str]) -> None:
    times = read_cron(f"0 0 {day_of_month} * ? *").wall_times(moment("2026-01-01T00:00"))

    assert [*islice(times, 3)] == [moment(text) for text in expected]


MINUTES = "allowed: 0-59, with , - * /"
OF_MONTH = "allowed: 1-31, with , - * ? / L W"
OF_WEEK = "allowed: 1-7 or SUN-SAT, with , - * ? / L #"
ONE_OF_THEM = "allowed: ? in one of them, and not in the other"
NO_SUCH_DAY = "allowed: a day that one of the months has"
WRONG = [
    ("60 12 * * ? *", f"minutes: found '60', {MINUTES}"),
    ("x 12 * * ? *", f"minutes: found 'x', {MINUTES}"),
    ("٣ 12 * * ? *", f"minutes: found '٣', {MINUTES}"),
    ("0/0 12 * * ? *", f"minutes: found '0/0', {MINUTES}; the step after / is at least 1"),
    ("0,,5 12 * * ? *", f"minutes: found '', {MINUTES}"),
    ("*-5 12 * * ? *", f"minutes: found '*-5', {MINUTES}"),
    ("0 ? * * ? *", "hours: found '?', allowed: 0-23, with , - * /"),
    ("0 12 * L ? *", "month: found 'L', allowed: 1-12 or JAN-DEC, with , - * /"),
    ("0 12 * january ? *", "month: found 'january', allowed: 1-12 or JAN-DEC, with , - * /; write JAN"),
    ("0 12 ? * 0 *", f"day-of-week: found '0', {OF_WEEK}; Sunday is 1, as SUN"),
    ("0 12 ? * 2W *", f"day-of-week: found '2W', {OF_WEEK}"),
    (
        "0 12 ? * 3#1,6#3 *",
        f"day-of-week: found '3#1,6#3', {OF_WEEK}; with #, one day only: use a schedule for each of them",
    ),
    ("0 12 ? * 3#6 *", f"day-of-week: found '3#6', {OF_WEEK}; after # stands 1 to 5, the week of the month"),
    ("0 12 W * ? *", f"day-of-month: found 'W', {OF_MONTH}"),
    ("0 12 32W * ? *", f"day-of-month: found '32W', {OF_MONTH}"),
    ("0 12 * * ? 1969", "year: found '1969', allowed: 1970-2199, with , - * /"),
    (
        "0 12 * * ? 2030-2026",
        "year: found '2030-2026', allowed: 1970-2199, with , - * /; write the earlier one first: 2026-2030",
    ),
    ("0 12 * * * *", f"day-of-month and day-of-week: found '* and *', {ONE_OF_THEM}; write * and ?"),
    ("0 12 * * MON *", f"day-of-month and day-of-week: found '* and MON', {ONE_OF_THEM}; write ? and MON"),
    (
        "0 12 1 * MON *",
        f"day-of-month and day-of-week: found '1 and MON', {ONE_OF_THEM}; "
        "use two schedules: one with 1 and ?, one with ? and MON",
    ),
    (
        "0 12 ? * ? *",
        f"day-of-month and day-of-week: found '? and ?', {ONE_OF_THEM}; for every day, write * in day-of-month",
    ),
    ("0 12 30 2 ? *", f"day-of-month: found '30', {NO_SUCH_DAY}"),
    ("0 12 29 2 ? 2027", f"day-of-month: found '29', {NO_SUCH_DAY}"),
    (
        "0 12 * *",
        "number of fields: found '4', allowed: six fields: minutes, hours, day-of-month, month, day-of-week, year; "
        "the year may be left out",
    ),
]


@pytest.mark.parametrize(("fields", "fault"), WRONG)
def test_a_wrong_field_is_named_with_what_it_allows_and_what_to_write(fields: str, fault: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        read_cron(fields)

    assert str(refused.value) == f"the schedule cron({fields}) is not valid:\n  {fault}"


def test_all_wrong_fields_are_told_at_once() -> None:
    with pytest.raises(ScheduleError) as refused:
        read_cron("60 24 32 13 ? 2200")

    assert [fault.field for fault in refused.value.faults] == ["minutes", "hours", "day-of-month", "month", "year"]


# -- against a walk over minutes ---------------------------------------------------------------------------------------

WEEK = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
YEAR = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def plain(low: int, high: int, names: list[str] | None = None, *, wraps: bool = True) -> st.SearchStrategy[str]:
    """Texts of a field: values, ranges and steps, and lists of these."""
    numbers = st.integers(low, high)
    value = numbers.map(lambda number: names[number - 1] if names and number % 2 else str(number))
    pairs = st.tuples(numbers, numbers).map(lambda pair: pair if wraps else tuple(sorted(pair)))
    ranges = pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
    start = st.one_of(st.just("*"), value, ranges)
    stepped = st.tuples(start, st.integers(1, 20)).map(lambda both: f"{both[0]}/{both[1]}")
    element = st.one_of(value, ranges, stepped, st.just("*"))
    return st.lists(element, min_size=1, max_size=3).map(",".join)


DAY_OF_MONTH = st.one_of(
    plain(1, 31),
    st.just("L"),
    st.just("LW"),
    st.integers(1, 31).map("{}W".format),
    st.integers(1, 9).map("L-{}".format),
)
DAY_OF_WEEK = st.one_of(
    plain(1, 7, WEEK),
    st.just("L"),
    st.sampled_from([*WEEK, *"1234567"]).map("{}L".format),
    st.tuples(st.sampled_from([*WEEK, *"1234567"]), st.integers(1, 5)).map("{0[0]}#{0[1]}".format),
)
DAYS = st.one_of(DAY_OF_MONTH.map(lambda text: (text, "?")), DAY_OF_WEEK.map(lambda text: ("?", text)))


def names_value(field: str, value: int, low: int, high: int, names: list[str] | None = None) -> bool:
    """Decide about one value, by counting from the start of each element up to it."""
    for element in field.split(","):
        span, _, step = element.partition("/")
        start, _, end = span.partition("-")
        number = {name: str(index) for index, name in enumerate(names or [], 1)}
        first = low if start == "*" else int(number.get(start, start))
        last = high if start == "*" or (step and not end) else int(number.get(end, end) or first)
        seen, since = first, 0
        while True:
            if seen == value and since % int(step or 1) == 0:
                return True
            if seen == last:
                break
            seen, since = low if seen == high else seen + 1, since + 1
    return False


def names_day(of_month: str, of_week: str, day: datetime) -> bool:
    return names_week_day(of_week, day) if of_month == "?" else names_month_day(of_month, day)


def names_week_day(of_week: str, day: datetime) -> bool:
    number = day.isoweekday() % 7 + 1
    word = {name: index for index, name in enumerate(WEEK, 1)}
    if of_week == "L":
        return number == 7
    if of_week.endswith("L"):
        wanted = of_week[:-1]
        return number == int(word.get(wanted, wanted)) and (day + timedelta(days=7)).month != day.month
    if "#" in of_week:
        wanted, nth = of_week.split("#")
        return number == int(word.get(wanted, wanted)) and -(-day.day // 7) == int(nth)
    return names_value(of_week, number, 1, 7, WEEK)


def names_month_day(of_month: str, day: datetime) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if of_month.startswith("L") and of_month != "LW":
        return day.day == last - int(of_month[2:] or 0)
    if of_month.endswith("W"):
        target = last if of_month == "LW" else int(of_month[:-1])
        weekdays = [d for d in range(1, last + 1) if calendar.weekday(day.year, day.month, d) < 5]
        return target <= last and day.day == min(weekdays, key=lambda d: (abs(d - target), d))
    return names_value(of_month, day.day, 1, 31)


@given(minutes=plain(0, 59), hours=plain(0, 23), start=st.datetimes(moment("2024-01-01"), moment("2030-01-01")))
@settings(max_examples=40, deadline=None)
def test_the_minutes_are_those_of_a_walk_over_every_minute(minutes: str, hours: str, start: datetime) -> None:
    begin = start.replace(second=0, microsecond=0)
    walk = [begin + timedelta(minutes=n) for n in range(2 * 24 * 60)]
    expected = [at for at in walk if names_value(minutes, at.minute, 0, 59) and names_value(hours, at.hour, 0, 23)]

    found = read_cron(f"{minutes} {hours} * * ? *").wall_times(begin)

    assert [*islice(found, len(expected))] == expected
    assert next(found) > walk[-1]


@given(days=DAYS, months=plain(1, 12, YEAR), years=plain(2020, 2032, wraps=False))
@settings(max_examples=50, deadline=None)
def test_the_days_are_those_of_a_walk_over_every_day(days: tuple[str, str], months: str, years: str) -> None:
    of_month, of_week = days
    begin = moment("2023-06-15")
    walk = [begin + timedelta(days=n) for n in range(2 * 366)]
    expected = [
        day
        for day in walk
        if names_value(years, day.year, 1970, 2199)
        and names_value(months, day.month, 1, 12, YEAR)
        and names_day(of_month, of_week, day)
    ]
    try:
        times = read_cron(f"0 0 {of_month} {months} {of_week} {years}").wall_times(begin)
    except ScheduleError:  # no year has such a day
        times = iter(())

    assert [*takewhile(lambda day: day <= walk[-1], times)] == expected
