"""SageMaker's retry policies on the real scheduler (developer guide, "Retry Policy for Pipeline Steps")."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from tests.e2e.conftest import Run, World

pytestmark = pytest.mark.e2e
SCHEDULER_SECONDS = 15
"""How much later than its delay a retry may start: the scheduler's loop, and a worker that has to be free."""


@pytest.fixture(scope="module")
def run(_world: World) -> Run:
    create = {"service": "sagemaker", "operation": "CreateProcessingJob"}
    # botocore itself calls five times before a throttled call fails.
    throttled = {"action": "error", "code": "ThrottlingException", "http_status": 400, "message": "Rate exceeded"}
    _world.fault(**create, **throttled, match={"ProcessingJobName": "-Throttled-"}, times=5)
    capacity = "CapacityError: Unable to provision requested ML compute capacity."
    _world.fault(**create, action="job_fail", reason=capacity, match={"ProcessingJobName": "-Capacity-"}, times=2)
    internal = "InternalServerError: We encountered an internal error. Please try again."
    _world.fault(**create, action="job_fail", reason=internal, match={"ProcessingJobName": "-Internal-"}, times=2)
    run = _world.trigger("retries")
    assert run.wait(180) == "failed"
    _world.clear_faults()
    return run


def jobs_of(run: Run, step: str) -> list[str]:
    """How the jobs of a step ended, by failure count."""
    jobs = {name: status for name, status in run.world.jobs_of(run).items() if f"-{step}-" in name}
    return [f"{name.rpartition('-')[2]} {jobs[name]}" for name in sorted(jobs)]


def delays(run: Run, task: str) -> list[float]:
    """Seconds between the end of each try and the start of the next."""
    tries = run.tries(task)
    return [
        (datetime.fromisoformat(after["start_date"]) - datetime.fromisoformat(before["end_date"])).total_seconds()
        for before, after in pairwise(tries)
    ]


def assert_delays(run: Run, task: str, *expected: float) -> None:
    found = delays(run, task)
    assert len(found) == len(expected)
    for seconds, least in zip(found, expected, strict=True):
        assert least <= seconds <= least + SCHEDULER_SECONDS


def test_a_throttled_create_is_tried_again_after_the_interval(run: Run) -> None:
    assert run.task("Throttled")["state"] == "success"
    assert_delays(run, "Throttled", 3)
    assert jobs_of(run, "Throttled") == ["0 Completed"], "the refused call made no job"
    assert "retry 1 of 2 in 3 s: Step.THROTTLING, policy 1" in run.log("Throttled", 1)


def test_a_capacity_error_is_retried_with_backoff_each_time_as_a_new_job(run: Run) -> None:
    assert run.task("Capacity")["state"] == "success"
    assert_delays(run, "Capacity", 4, 8)
    assert jobs_of(run, "Capacity") == ["0 Failed", "1 Failed", "2 Completed"]


def test_max_attempts_ends_the_retries(run: Run) -> None:
    assert run.task("Internal")["state"] == "failed"
    assert_delays(run, "Internal", 2)
    assert jobs_of(run, "Internal") == ["0 Failed", "1 Failed"]
    assert "We encountered an internal error" in run.log("Internal", 2)


def test_an_algorithm_error_is_not_retried(run: Run) -> None:
    assert run.task("Algorithm")["state"] == "failed"
    assert_delays(run, "Algorithm")
    assert jobs_of(run, "Algorithm") == ["0 Failed"]
