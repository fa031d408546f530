"""``ParallelismConfiguration`` on the real scheduler; AWS's own records tell how many jobs ran at the same time."""

from __future__ import annotations

import statistics
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.conftest import Run, World

pytestmark = pytest.mark.e2e
BOUND = 3
STEPS = 40
TURNOVER = 15.0


def jobs_of(run: Run) -> list[dict[str, Any]]:
    client = run.world.sagemaker
    return [client.describe_processing_job(ProcessingJobName=name) for name in run.world.jobs_of(run)]


def most_at_once(jobs: list[dict[str, Any]]) -> int:
    """The largest number of jobs that had been created and had not ended at the same moment."""
    changes = [(job["CreationTime"], 1) for job in jobs] + [(job["ProcessingEndTime"], -1) for job in jobs]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def turnovers(jobs: list[dict[str, Any]], bound: int) -> list[float]:
    """Seconds from the end of each job to the start of the one that took its place."""
    starts: list[datetime] = sorted(job["CreationTime"] for job in jobs)
    ends: list[datetime] = sorted(job["ProcessingEndTime"] for job in jobs)
    return [(start - end).total_seconds() for start, end in zip(starts[bound:], ends, strict=False)]


@pytest.fixture(scope="module")
def early(_world: World) -> list[Run]:
    """Two runs at the same time, started before the first test."""
    return [_world.trigger("parallel") for _ in range(2)]


def test_no_more_steps_of_a_run_are_in_flight_than_its_bound_and_a_free_place_is_taken_soon(early: list[Run]) -> None:
    ended = [run.wait(420) for run in early]

    for run in early:
        failed = [task["task_id"] for task in run.tasks().values() if task["state"] == "failed"]
        assert not failed, f"{failed}, the first one's log: {run.log(failed[0])}"
    assert ended == ["success"] * 2
    for run in early:
        jobs = jobs_of(run)
        assert len(jobs) == STEPS
        assert most_at_once(jobs) == BOUND
        assert {task["try_number"] for task in run.tasks().values()} == {1}, "nothing failed on the way"
        waits = turnovers(jobs, BOUND)
        print(f"turnover: median {statistics.median(waits):.1f} s, longest {max(waits):.1f} s")
        assert max(waits) < TURNOVER, waits
    variables = early[0].world.airflow.api.request("GET", "variables", limit=100)["variables"]
    assert [one["key"] for one in variables if one["key"].startswith("sm_steps_in_progress")] == []
