"""The argument ``schedule`` of `pipeline_dag`."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import Asset, CronTriggerTimetable

from airflow_sm_pipelines import PipelineSchedule
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError
from airflow_sm_pipelines.translation.eventbridge_timetable import EventBridgeTimetable
from airflow_sm_pipelines.translation.translator import check_dag_arguments

NIGHTLY = PipelineSchedule(name="nightly", cron="0 2 * * ? *", timezone="Europe/Berlin")


def test_a_text_of_eventbridge_becomes_a_timetable(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), schedule="cron(0 12 ? * MON *)")

    assert isinstance(dag.timetable, EventBridgeTimetable)
    assert dag.timetable.summary == "cron(0 12 ? * MON *)"
    assert dag.start_date == datetime(2020, 12, 1, tzinfo=UTC)
    assert dag.catchup is False


def test_a_pipeline_may_have_several_schedules(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), schedule=[NIGHTLY, "rate(12 hours)"])

    assert dag.timetable.summary == "cron(0 2 * * ? *), rate(12 hours)"
    assert dag.timetable.description == "nightly: cron(0 2 * * ? *) Europe/Berlin; rate(12 hours)"


def test_the_documentation_of_the_dag_lists_its_schedules(dag_of: Any, processing: Any) -> None:
    ending = PipelineSchedule(rate=(5, "minutes"), enabled=False, end_date=datetime(2030, 1, 1, tzinfo=UTC))
    dag = dag_of(processing("A"), schedule=[NIGHTLY, ending], doc_md="Mine.")

    assert dag.doc_md.split("\n\n")[:3] == [
        "Mine.",
        "Schedules:",
        "- `nightly: cron(0 2 * * ? *) Europe/Berlin`\n- `rate(5 minutes), until 2030-01-01T00:00:00+00:00` (disabled)",
    ]


def test_a_disabled_schedule_starts_nothing_and_the_dag_can_be_run_by_hand(dag_of: Any, processing: Any) -> None:
    disabled = PipelineSchedule(rate=(5, "minutes"), enabled=False)
    dag = dag_of(processing("A"), schedule=disabled)

    assert dag.timetable.can_be_scheduled is False
    assert dag.is_paused_upon_creation is None
    assert "- `rate(5 minutes)` (disabled)" in dag.doc_md
    assert dag_of(processing("A"), schedule=[disabled, NIGHTLY]).timetable.schedules == (NIGHTLY,)


def test_a_disabled_schedule_needs_no_value_for_every_parameter(dag_of: Any, errors_of: Any, processing: Any) -> None:
    parameters = {"Parameters": [{"Name": "P", "Type": "String"}]}
    disabled = PipelineSchedule(rate=(5, "minutes"), enabled=False)

    assert dag_of(processing("A"), members=parameters, schedule=disabled).schedule is None
    (error,) = errors_of(processing("A"), members=parameters, schedule=[disabled, NIGHTLY])
    assert "so a scheduled run cannot start" in error


def test_a_rate_is_counted_from_the_start_date_of_the_dag(dag_of: Any, processing: Any) -> None:
    start = datetime(2026, 1, 1, 7, 30, tzinfo=UTC)

    assert dag_of(processing("A"), schedule="rate(1 day)", start_date=start).timetable.counted_from == start
    assert dag_of(processing("A"), schedule="rate(1 day)").timetable.counted_from == datetime(2020, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "schedule",
    [
        None,
        "@daily",
        "@once",
        "0 12 * * 2",
        timedelta(hours=1),
        CronTriggerTimetable("0 12 * * 2", timezone="UTC"),
        Asset("a"),
        [Asset("a"), Asset("b")],
    ],
)
def test_schedules_of_airflow_are_passed_on(dag_of: Any, processing: Any, schedule: Any) -> None:
    dag = dag_of(processing("A"), schedule=schedule)

    assert dag.schedule is schedule
    assert "Schedules:" not in dag.doc_md


def test_a_wrong_schedule_is_refused_when_the_file_is_parsed(dag_of: Any, processing: Any) -> None:
    with pytest.raises(ScheduleError, match=r"hours: found '25', allowed: 0-23"):
        dag_of(processing("A"), schedule="cron(0 25 * * ? *)")
    with pytest.raises(ScheduleError, match="it has two readings"):
        dag_of(processing("A"), schedule="0 12 ? * 2 *")
    with pytest.raises(ScheduleError, match="it has two readings"):
        check_dag_arguments({"schedule": "0 12 ? * 2 *"})


def test_a_list_holds_only_schedules_of_eventbridge(dag_of: Any, processing: Any) -> None:
    with pytest.raises(
        ScheduleError, match=r"found '@daily', allowed: at\(…\), .* use its MultipleCronTriggerTimetable"
    ):
        dag_of(processing("A"), schedule=["rate(1 day)", "@daily"])
    with pytest.raises(TypeError, match="a list of schedules holds texts and PipelineSchedule, not Asset"):
        dag_of(processing("A"), schedule=["rate(1 day)", Asset("a")])


def test_a_dag_without_such_a_schedule_does_not_load_them() -> None:
    program = """
import sys
from datetime import timedelta
from airflow_sm_pipelines import pipeline_dag
definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [
    {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]}
for schedule in (None, "@daily", "0 12 * * 2", timedelta(hours=1)):
    pipeline_dag(definition, dag_id="airflows_own", schedule=schedule)
print([name for name in sys.modules if name.endswith(("eventbridge_timetable", "pipeline_schedule", "cron_fields"))])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
