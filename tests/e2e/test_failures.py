"""What a failure means for the steps beside it, on the real scheduler."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Run, World

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def runs(_world: World) -> dict[str, Run]:
    """All runs of this file, started together: they mostly wait."""
    return {
        "fail_step": _world.trigger("fail_step", Seconds=20),
        "fail_fast": _world.trigger("fail_fast"),
        "goes_on": _world.trigger("goes_on"),
    }


def states(run: Run) -> dict[str, str]:
    return {name: task["state"] for name, task in run.tasks().items()}


def test_once_a_fail_step_was_reached_nothing_new_starts_and_what_runs_ends(world: World, runs: dict[str, Run]) -> None:
    run = runs["fail_step"]

    assert run.wait() == "failed"
    assert states(run) == {"Check": "success", "Stop": "failed", "Work": "success", "After": "skipped"}
    assert [*world.jobs_of(run).values()] == ["Completed"], "the job of Work went on, After has none"

    run.clear("After")
    run.wait_task("After", "skipped")
    assert "clear Stop and what led to it, too" in run.log("After", 2)
    assert len(world.jobs_of(run)) == 1


def test_fail_fast_stops_the_jobs_of_the_other_steps(world: World, runs: dict[str, Run]) -> None:
    run = runs["fail_fast"]

    assert run.wait() == "failed"
    # On a busy machine the failure may come before Work has a job.
    run.wait_jobs(lambda jobs: sorted(jobs.values()) in (["Failed", "Stopped"], ["Failed"]))
    assert states(run)["Broken"] == "failed"
    assert states(run)["pipeline_status"] == "failed", "else Airflow would call the run a success"


def test_without_it_what_does_not_depend_on_a_failed_step_goes_on(world: World, runs: dict[str, Run]) -> None:
    run = runs["goes_on"]

    assert run.wait() == "failed"
    assert states(run) == {"Broken": "failed", "Work": "success", "After": "success"}
