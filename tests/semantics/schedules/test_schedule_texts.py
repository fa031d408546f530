"""Texts in EventBridge's language, in Airflow's, and in neither for sure."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError
from airflow_sm_pipelines.semantics.schedules.schedule_texts import read_schedule_text


@pytest.mark.parametrize("text", ["0 12 * * *", "0 12 ? * 2", "@daily", "@once", "", "every day", "0 12 * * * 0 2026"])
def test_texts_of_airflow_are_left_to_airflow(text: str) -> None:
    assert read_schedule_text(text) is None


def test_texts_of_eventbridge_are_read() -> None:
    read = read_schedule_text("cron(0 12 ? * 2 *)")
    assert read is not None
    assert read.expression == "cron(0 12 ? * 2 *)"


@pytest.mark.parametrize("text", ["cron(0 12 ? * 2 *", "rate(", "AT(noon"])
def test_a_form_that_is_not_closed_is_not_passed_on(text: str) -> None:
    with pytest.raises(ScheduleError):
        read_schedule_text(text)


def test_six_fields_without_cron_are_refused_with_both_readings() -> None:
    with pytest.raises(ScheduleError) as refused:
        read_schedule_text("0 12 ? *  2 *")

    assert str(refused.value) == (
        "the schedule '0 12 ? *  2 *' is not valid:\n"
        "  number of fields: found '6 without cron()', allowed: 6 in cron(…), or 5; it has two readings. "
        'EventBridge takes day-of-week 1 for SUN and the sixth field for the year: write "cron(0 12 ? * 2 *)". '
        'Airflow takes day-of-week 1 for MON and the sixth field for seconds: write "0 12 ? * 2"'
    )


def test_six_fields_that_eventbridge_would_refuse_are_told_so() -> None:
    with pytest.raises(ScheduleError, match=r"two readings\. EventBridge would refuse it\. Airflow takes"):
        read_schedule_text("0 12 * * 2 0")
