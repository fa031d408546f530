"""ForEach on the real scheduler: how many iterations are open, failures, clears, kills, a restarted triggerer."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e
LIMIT = 2
MANY = 6
STOP_ORPHANS = (sys.executable, "-m", "airflow_sm_pipelines.cli.main", "stop-orphans")
Instance = tuple[str, int]


def start(world: World, *items: dict[str, Any], dag_id: str = "for_each") -> Run:
    filled = [{"seconds": 0, "exit": 0, "then": 0, **item} for item in items]
    return world.trigger(dag_id, Items=json.dumps(filled))


def instances(run: Run) -> dict[Instance, dict[str, Any]]:
    found = run.world.airflow.api.task_instances(run.dag_id, run.run_id)
    return {(task["task_id"], task["map_index"]): task for task in found}


def states(run: Run, task_id: str) -> list[str | None]:
    """The states of a mapped task, by index."""
    found = sorted((index, task["state"]) for (name, index), task in instances(run).items() if name == task_id)
    return [state for index, state in found if index >= 0]


def wait_states(run: Run, task_id: str, *wanted: str | None, timeout: float = 90) -> None:
    def look() -> bool:
        return states(run, task_id) == list(wanted)

    wait_for(look, timeout, f"{task_id} to be {wanted}, not {states(run, task_id)}")


def change(run: Run, instance: Instance, state: str) -> None:
    task_id, index = instance
    run.world.airflow.api.request("PATCH", f"{run._path}/taskInstances/{task_id}/{index}", {"new_state": state})


def clear(run: Run, *wanted: Instance) -> None:
    body = {
        "dry_run": False,
        "dag_run_id": run.run_id,
        "task_ids": [list(instance) if instance[1] >= 0 else instance[0] for instance in wanted],
        "only_failed": False,
        "reset_dag_runs": True,
        "include_downstream": False,
    }
    run.world.airflow.api.request("POST", f"dags/{run.dag_id}/clearTaskInstances", body)


def jobs_by_child(run: Run) -> dict[str, dict[str, Any]]:
    """Every job of the run by the child that its name tells, the newest of each."""
    client, found = run.world.sagemaker, {}
    for name in run.world.jobs_of(run):
        job = client.describe_processing_job(ProcessingJobName=name)
        child = "-".join(name.split("-")[2:-2])
        if child not in found or found[child]["CreationTime"] < job["CreationTime"]:
            found[child] = job
    return found


def open_at_once(run: Run, items: int) -> int:
    """The largest number of iterations that had begun and not ended at the same moment."""
    jobs = jobs_by_child(run)
    begun = [(jobs[f"First-{index}"]["CreationTime"], 1) for index in range(items)]
    ended = [(jobs[f"Second-{index}"]["ProcessingEndTime"], -1) for index in range(items)]
    most = now_open = 0
    for _, change_by in sorted([*begun, *ended]):
        now_open += change_by
        most = max(most, now_open)
    return most


@pytest.fixture(scope="module")
def early(_world: World) -> dict[str, Run]:
    """Runs that need time and nothing else, started together before the first test."""
    long = {"seconds": 600}
    return {
        "many": start(_world, *[{"seconds": index % 3, "then": 1} for index in range(MANY)]),
        "failing": start(_world, {}, {"exit": 3}, {}),
        "kill": start(_world, long, long, {}),
        "waiting": start(_world, *[{}] * 3, dag_id="for_each_waiting"),
    }


def test_no_more_iterations_are_open_than_max_concurrency_and_all_get_their_turn(early: dict[str, Run]) -> None:
    run = early["many"]
    assert run.wait(280) == "success"
    assert states(run, "Second") == ["success"] * MANY
    assert len(run.world.jobs_of(run)) == MANY * 2 + 1
    assert open_at_once(run, MANY) <= LIMIT
    assert {task["try_number"] for task in instances(run).values()} == {1}, "nothing failed on the way"
    assert run.xcom("Each.result")["SucceededStepCount"] == MANY * 2
    names = {task["rendered_map_index"] for (task_id, _), task in instances(run).items() if task_id == "Second"}
    assert names == {f"Second-{index}" for index in range(MANY)}


def test_without_deferral_they_get_their_turn_too(early: dict[str, Run]) -> None:
    run = early["waiting"]
    assert run.wait(200) == "success"
    assert open_at_once(run, 3) <= LIMIT
    assert {task["try_number"] for task in instances(run).values()} == {1}


def test_a_failed_item_fails_the_step_and_names_it(early: dict[str, Run]) -> None:
    run = early["failing"]
    assert run.wait(150) == "failed"
    assert states(run, "First") == ["success", "failed", "success"]
    assert states(run, "Second") == ["success", "upstream_failed", "success"]
    log = run.log("Each.result")
    assert "1 of 3 iterations failed" in log
    assert "First-1 Failed: the processing job pipelines-" in log
    assert "AlgorithmError" in log
    assert run.task("After")["state"] == "upstream_failed"
    assert run.xcom("Each.result")["FailedStepCount"] == 1


def test_a_body_task_cleared_alone_runs_again_and_only_that(early: dict[str, Run]) -> None:
    run = early["failing"]
    before = set(run.world.jobs_of(run))
    clear(run, ("First", 2), ("Second", 2))
    wait_for(lambda: len(run.world.jobs_of(run)) == len(before) + 2, 90, "two new jobs")
    new = sorted("-".join(name.split("-")[2:-2]) for name in set(run.world.jobs_of(run)) - before)
    assert new == ["First-2", "Second-2"]


def test_killing_a_body_task_stops_its_job_and_the_next_iteration_begins(early: dict[str, Run]) -> None:
    run = early["kill"]
    wait_states(run, "First", "deferred", "deferred", None)
    run.wait_trigger("First", 0)
    jobs = jobs_by_child(run)
    assert sorted(jobs) == ["First-0", "First-1"], "the third waits for its turn"
    change(run, ("First", 0), "failed")
    killed = jobs["First-0"]["ProcessingJobName"]
    wait_for(lambda: run.world.jobs_of(run)[killed] == "Stopped", 60, "the job to be stopped")
    wait_for(lambda: states(run, "Second")[2] == "success", 90, "the third iteration to run")
    assert run.world.jobs_of(run)[jobs["First-1"]["ProcessingJobName"]] == "InProgress", "its sibling goes on"


def test_a_body_task_cleared_while_it_waits_stops_its_job_and_makes_a_new_one(early: dict[str, Run]) -> None:
    run = early["kill"]
    old = jobs_by_child(run)["First-1"]["ProcessingJobName"]
    clear(run, ("First", 1))
    wait_for(lambda: run.world.jobs_of(run)[old] == "Stopped", 90, "the old job to be stopped")
    wait_for(lambda: jobs_by_child(run)["First-1"]["ProcessingJobName"] != old, 60, "a new job")
    run.wait_trigger("First", 1)
    change(run, ("First", 1), "failed")
    wait_for(lambda: "InProgress" not in run.world.jobs_of(run).values(), 60, "no job to be left")
    assert run.wait(60) == "failed"


def test_stop_orphans_stops_the_job_of_one_iteration_and_leaves_its_sibling(world: World) -> None:
    run = start(world, {"seconds": 300}, {"seconds": 300})
    wait_for(lambda: states(run, "First")[:1] == ["deferred"], 60, "the first iteration to wait")
    change(run, ("First", 0), "failed")  # no trigger runs yet that Airflow could tell
    wait_states(run, "First", "failed", "deferred")
    time.sleep(3)
    answer = world.airflow.run(*STOP_ORPHANS)
    assert answer.returncode == 0, answer.stderr
    jobs = {child: job["ProcessingJobName"] for child, job in jobs_by_child(run).items()}
    wait_for(lambda: run.world.jobs_of(run)[jobs["First-0"]] == "Stopped", 60, "the orphan to be stopped")
    assert run.world.jobs_of(run)[jobs["First-1"]] == "InProgress"
    run.wait_trigger("First", 1)
    change(run, ("First", 1), "failed")
    wait_for(lambda: "InProgress" not in run.world.jobs_of(run).values(), 60, "no job to be left")


def test_a_worker_killed_in_one_iteration_leaves_one_job_for_each_child(world: World) -> None:
    world.fault(service="sagemaker", operation="CreateProcessingJob", action="kill_client_after", times=1)
    run = start(world, {}, {})
    assert run.wait(150) == "success"
    jobs = ["-".join(name.split("-")[2:-2]) for name in run.world.jobs_of(run)]
    assert sorted(jobs) == ["After", "First-0", "First-1", "Second-0", "Second-1"]
    assert sorted(task["try_number"] for (name, _), task in instances(run).items() if name == "First") == [1, 2]


def test_the_whole_group_cleared_runs_again_with_new_jobs(world: World) -> None:
    run = start(world, {}, {}, {})
    assert run.wait(150) == "success"
    first = set(run.world.jobs_of(run))
    run.clear("Each.items")
    wait_for(lambda: run.state() != "success", 60, "the run to go on")
    assert run.wait(150) == "success"
    again = set(run.world.jobs_of(run)) - first
    assert len(again) == len(first) == 7
    assert run.xcom("Each.result")["SucceededStepCount"] == 6


def test_a_restarted_triggerer_keeps_the_turns(world: World) -> None:
    run = start(world, {"seconds": 25}, {"seconds": 25}, {}, {})
    wait_states(run, "Each.turn", "success", "success", "deferred", "deferred")
    world.airflow.stop_component("triggerer")
    time.sleep(3)
    world.airflow.start_component("triggerer")
    assert run.wait(200) == "success"
    assert open_at_once(run, 4) <= LIMIT
    assert states(run, "Second") == ["success"] * 4
