"""The timetable of EventBridge's schedules, as Airflow stores and asks it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

from airflow_sm_pipelines import PipelineSchedule
from airflow_sm_pipelines.plugin import SageMakerPipelinesPlugin
from airflow_sm_pipelines.translation import eventbridge_timetable
from airflow_sm_pipelines.translation.eventbridge_timetable import EventBridgeTimetable

NOW = pendulum.datetime(2026, 11, 21, 13)
LONG_AGO = pendulum.datetime(2020, 12, 1)
SCHEDULES = (
    PipelineSchedule(name="noon", cron="0 12 * * ? *", timezone="Europe/Berlin", start_date=LONG_AGO),
    PipelineSchedule(rate=(12, "hours")),
)


@pytest.fixture(autouse=True)
def _present(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(eventbridge_timetable, "now", lambda: datetime(2026, 11, 21, 13, tzinfo=UTC))
    return


@pytest.fixture
def timetable() -> EventBridgeTimetable:
    return EventBridgeTimetable(SCHEDULES, LONG_AGO)


def infos(timetable: EventBridgeTimetable, most: int, **restriction: Any) -> list[DagRunInfo]:
    """The next runs, each after the one before it, as the scheduler asks for them."""
    limits = TimeRestriction(**{"earliest": LONG_AGO, "latest": None, "catchup": False, **restriction})
    found: list[DagRunInfo] = []
    while len(found) < most:
        last = found[-1] if found else None
        info = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=limits)
        if info is None:
            break
        found.append(info)
    return found


def test_logical_date_and_data_interval_of_a_run_are_the_moment_at_which_it_is_due(
    timetable: EventBridgeTimetable,
) -> None:
    (info,) = infos(timetable, 1)

    assert info == DagRunInfo.exact(pendulum.datetime(2026, 11, 21, 12))
    assert info.logical_date == info.run_after
    assert isinstance(info.run_after, pendulum.DateTime)


def test_the_runs_of_all_schedules_follow_each_other(timetable: EventBridgeTimetable) -> None:
    due = [str(info.run_after) for info in infos(timetable, 4)]

    assert [text[:16] for text in due] == [
        "2026-11-21 12:00",
        "2026-11-22 00:00",
        "2026-11-22 11:00",
        "2026-11-22 12:00",
    ]


def test_catch_up_begins_at_the_start_date(timetable: EventBridgeTimetable) -> None:
    start = pendulum.datetime(2026, 11, 1, 1, tz="Europe/Berlin")

    assert [str(info.run_after)[:16] for info in infos(timetable, 2, earliest=start, catchup=True)] == [
        "2026-11-01 00:00",
        "2026-11-01 11:00",
    ]


def test_a_run_that_is_started_by_hand_has_the_moment_of_its_start(timetable: EventBridgeTimetable) -> None:
    assert timetable.infer_manual_data_interval(run_after=NOW) == DataInterval.exact(NOW)


def test_a_backfill_needs_a_schedule_that_recurs(timetable: EventBridgeTimetable) -> None:
    once = PipelineSchedule(at="2026-12-24T18:00:00")

    assert timetable.periodic
    assert not EventBridgeTimetable([once], LONG_AGO).periodic
    assert EventBridgeTimetable([once, *SCHEDULES], LONG_AGO).periodic


def test_airflow_stores_the_timetable_and_reads_it_again(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), schedule=[*SCHEDULES], start_date=LONG_AGO)

    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    assert read.timetable == dag.timetable
    assert infos(read.timetable, 3) == infos(dag.timetable, 3)


def test_a_backfill_makes_the_runs_of_its_interval(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), schedule="cron(0 12 ? * MON *)")
    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    days = [
        info.logical_date
        for info in read.iter_dagrun_infos_between(
            datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 19, 12, tzinfo=UTC)
        )
    ]

    assert days == [datetime(2026, 1, 5, 12, tzinfo=UTC) + timedelta(weeks=week) for week in range(3)]


def test_a_backfill_of_a_rate_keeps_to_the_times_of_the_schedule(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), schedule="rate(1 day)", start_date=datetime(2020, 12, 1, 7, 30, tzinfo=UTC))
    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    (day,) = read.iter_dagrun_infos_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))

    assert day.logical_date == datetime(2026, 1, 1, 7, 30, tzinfo=UTC)


def test_airflow_finds_the_timetable_through_the_plugin() -> None:
    assert SageMakerPipelinesPlugin().timetables == [EventBridgeTimetable]
