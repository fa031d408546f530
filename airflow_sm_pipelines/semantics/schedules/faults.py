"""What is wrong with a schedule, by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_sm_pipelines.errors import SageMakerPipelinesError


@dataclass(frozen=True, slots=True)
class ScheduleFault:
    """A fault of one field.

    Attributes:
        field: Name of the field, e.g. ``day-of-week``.
        found: What it says.
        allowed: What it may say.
        remedy: What to write instead; empty if ``allowed`` says enough.
    """

    field: str
    found: str
    allowed: str
    remedy: str = ""

    def __str__(self) -> str:
        advice = f"; {self.remedy}" if self.remedy else ""
        return f"{self.field}: found {self.found!r}, allowed: {self.allowed}{advice}"


class ScheduleError(SageMakerPipelinesError, ValueError):
    """A schedule that cannot be carried out; raised when the DAG file is parsed.

    Args:
        schedule: The schedule as it was written.
        faults: All its faults.
    """

    def __init__(self, schedule: str, faults: Sequence[ScheduleFault]) -> None:
        self.schedule = schedule
        self.faults = tuple(faults)
        super().__init__(schedule, self.faults)

    def __str__(self) -> str:
        return "\n".join([f"the schedule {self.schedule} is not valid:", *(f"  {fault}" for fault in self.faults)])
