"""The message of a wrong schedule."""

from __future__ import annotations

from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.semantics.schedules.faults import ScheduleError, ScheduleFault


def test_each_fault_has_a_line_with_field_finding_and_advice() -> None:
    error = ScheduleError("cron(…)", [ScheduleFault("hours", "24", "0-23"), ScheduleFault("year", "x", "*", "write *")])

    assert isinstance(error, SageMakerPipelinesError | ValueError)
    assert str(error).splitlines() == [
        "the schedule cron(…) is not valid:",
        "  hours: found '24', allowed: 0-23",
        "  year: found 'x', allowed: *; write *",
    ]
