"""``ParallelismConfiguration`` on the real scheduler; AWS's own records tell how many jobs ran at the same time."""

from __future__ import annotations

import statistics
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.conftest import Run, World, wait_for

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


def turnovers(jobs: list[dict[str, Any]], bound: int, since: datetime) -> list[float]:
    """Seconds from the end of each job to the start of the one that took its place, for jobs that ended since."""
    starts: list[datetime] = sorted(job["CreationTime"] for job in jobs)
    ends: list[datetime] = sorted(job["ProcessingEndTime"] for job in jobs)
    return [(start - end).total_seconds() for start, end in zip(starts[bound:], ends, strict=False) if end > since]


def all_have_come(run: Run) -> datetime:
    """When the last task was started for the first time: until then, eighty tasks wait for Airflow's four workers."""
    return max(datetime.fromisoformat(task["start_date"]) for task in run.tasks().values())


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
    come = max(all_have_come(run) for run in early)
    for run in early:
        jobs = jobs_of(run)
        assert len(jobs) == STEPS
        assert most_at_once(jobs) == BOUND
        assert {task["try_number"] for task in run.tasks().values()} == {1}, "nothing failed on the way"
        waits = turnovers(jobs, BOUND, come)
        print(f"{len(waits)} turnovers: median {statistics.median(waits):.1f} s, longest {max(waits):.1f} s")
        assert len(waits) > STEPS / 3, "most of the run is measured"
        # The longest are those for which no worker was free: six steps in flight share four with those that are called.
        assert statistics.median(waits) < TURNOVER, waits
    variables = early[0].world.airflow.api.request("GET", "variables", limit=100)["variables"]
    assert [one["key"] for one in variables if one["key"].startswith("sm_steps_in_progress")] == []


# -- a bound that only the run has -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few(_world: World) -> dict[str, Run]:
    """Runs that may have one step in progress; a worker of the first one dies right after it has created a job."""
    _world.fault(service="sagemaker", operation="CreateProcessingJob", action="kill_client_after", times=1)
    killed = _world.trigger("parallel_few", sm_max_parallel_steps=1)
    wait_for(lambda: _world.jobs_of(killed), 90, "its first job")
    # Long jobs, so that those of a busy machine overlap, too.
    changed = _world.trigger("parallel_few", sm_max_parallel_steps=1, Seconds=15)
    return {"killed": killed, "changed": changed}


def test_a_bound_that_is_raised_while_the_run_goes_on_lets_more_steps_begin(few: dict[str, Run]) -> None:
    run = few["changed"]
    wait_for(lambda: run.world.jobs_of(run), 90, "its first job")
    variable = {"key": f"sm_max_parallel_steps:{run.dag_id}:{run.run_id}", "value": "4"}
    run.world.airflow.api.request("POST", "variables", variable)

    assert run.wait(240) == "success"

    assert 1 < most_at_once(jobs_of(run)) <= 4


def test_an_iteration_counts_as_one_step_and_a_dead_workers_step_until_its_next_try_has_ended(
    few: dict[str, Run],
) -> None:
    run = few["killed"]
    assert run.wait(300) == "success"

    jobs = sorted(jobs_of(run), key=lambda job: job["CreationTime"])
    assert most_at_once(jobs) == 1
    children = ["-".join(job["ProcessingJobName"].split("-")[2:-2]) for job in jobs]
    assert sorted(children) == ["Alone", *(f"First-{index}" for index in range(3)), "Other"] + [
        f"Second-{index}" for index in range(3)
    ]
    for index in range(3):
        place = children.index(f"First-{index}")
        assert children[place + 1] == f"Second-{index}", "no other step comes between the steps of an iteration"
    tries = [task["try_number"] for task in run.world.airflow.api.task_instances(run.dag_id, run.run_id)]
    assert sorted(tries)[-2:] == [1, 2], "one worker died, and nothing else failed"
