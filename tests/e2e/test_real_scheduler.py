"""What must hold on the real scheduler: nothing lost, nothing doubled, nothing left running."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e
LIVE = {"InProgress", "Stopping"}
STOP_ORPHANS = (sys.executable, "-m", "airflow_sm_pipelines.cli.main", "stop-orphans")


def live(jobs: dict[str, str]) -> dict[str, str]:
    return {name: status for name, status in jobs.items() if status in LIVE}


@pytest.fixture(scope="module")
def early(_world: World) -> dict[str, Run]:
    """Runs that need time and nothing else, started together before the first test."""
    long_jobs = ("mark failed", "clear", "not an orphan")
    runs = {name: _world.trigger("long_job", Seconds=600) for name in long_jobs}
    runs["time out"] = _world.trigger("limited", Seconds=600)
    return runs


def deferred(run: Run) -> str:
    """Wait until the task is deferred and its trigger at work; return the job's name."""
    run.wait_trigger("Work")
    [name] = run.world.jobs_of(run)
    return name


def test_a_failed_job_shows_its_reason_in_the_task_log(world: World) -> None:
    run = world.trigger("one_step", Seconds=0, ExitCode=3)
    assert run.wait() == "failed"
    log = run.log("Work")
    assert "StepFailedError" in log
    assert "ended Failed" in log
    assert "AlgorithmError" in log
    assert "will exit 3" in log, "the last lines of the job's own log"
    assert run.task("Work")["try_number"] == 1, "a fault of the job is not retried"


def test_marking_a_task_failed_stops_its_job(world: World, early: dict[str, Run]) -> None:
    run = early["mark failed"]
    name = deferred(run)
    run.mark("Work", "failed")
    run.wait_jobs(lambda jobs: jobs == {name: "Stopped"})


def test_marked_failed_within_a_second_of_the_deferral_the_job_is_stopped(world: World) -> None:
    run = world.trigger("long_job", Seconds=120)
    run.wait_task("Work", "deferred")
    run.mark("Work", "failed")  # no trigger runs yet that Airflow could tell: a listener in the API server hears it
    [name] = world.jobs_of(run)
    run.wait_jobs(lambda jobs: jobs == {name: "Stopped"})


def test_the_job_of_a_dead_worker_whose_task_was_given_up_is_stopped(world: World) -> None:
    """No trigger and no worker knows of the job; the listener finds it in the attempt record."""
    world.fault(service="sagemaker", operation="CreateProcessingJob", action="kill_client_after", times=1)
    run = world.trigger("one_step", Seconds=120)
    run.wait_task("Work", "up_for_retry")
    run.mark("Work", "failed")
    [name] = world.jobs_of(run)
    run.wait_jobs(lambda jobs: jobs == {name: "Stopped"})


def orphan_of_a_deleted_run(world: World, run: Run, name: str) -> None:
    """Create a job as a run would have done that nobody knows any more."""
    [job] = world.jobs_of(run)
    described = world.sagemaker.describe_processing_job(ProcessingJobName=job)
    tags = world.sagemaker.list_tags(ResourceArn=described["ProcessingJobArn"])["Tags"]
    kept = ("ProcessingInputs", "ProcessingResources", "AppSpecification", "Environment", "RoleArn")
    world.sagemaker.create_processing_job(
        ProcessingJobName=name,
        Tags=[{**tag, "Value": "deleted"} if tag["Key"] == "sm-pipelines:run" else tag for tag in tags],
        **{member: described[member] for member in kept if member in described},
    )


def status(world: World, name: str) -> str:
    return str(world.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"])


def test_stop_orphans_stops_the_job_of_a_deleted_run(world: World, early: dict[str, Run]) -> None:
    deferred(early["not an orphan"])
    orphan_of_a_deleted_run(world, early["not an orphan"], "left-behind")

    listed = world.airflow.run(*STOP_ORPHANS, "--dry-run")
    assert "left-behind" in listed.stdout, listed.stdout + listed.stderr
    assert status(world, "left-behind") == "InProgress"
    answer = world.airflow.run(*STOP_ORPHANS)
    assert "stopped" in answer.stdout, answer.stdout + answer.stderr
    wait_for(lambda: status(world, "left-behind") == "Stopped" or None, 60, "the orphan to be stopped")
    assert "left-behind" not in world.airflow.run(*STOP_ORPHANS).stdout


def test_the_maintenance_dag_stops_it_without_airflows_database(world: World, early: dict[str, Run]) -> None:
    run = early["not an orphan"]
    name = deferred(run)
    orphan_of_a_deleted_run(world, run, "left-again")

    sweep = world.trigger("sweep")
    assert sweep.wait() == "success", sweep.log("stop_orphans")
    wait_for(lambda: status(world, "left-again") == "Stopped" or None, 60, "the orphan to be stopped")
    assert world.jobs_of(run) == {name: "InProgress"}, "the job of a live task"


def test_stop_orphans_leaves_the_job_of_a_live_task(world: World, early: dict[str, Run]) -> None:
    run = early["not an orphan"]
    name = deferred(run)
    answer = world.airflow.run(*STOP_ORPHANS)
    assert answer.returncode == 0, answer.stderr
    assert name not in answer.stdout
    assert world.jobs_of(run) == {name: "InProgress"}
    run.mark("Work", "failed")
    run.wait_jobs(lambda jobs: not live(jobs))


def test_clearing_a_finished_step_makes_a_new_job(world: World) -> None:
    run = world.trigger("one_step", Seconds=0)
    assert run.wait() == "success"
    first = world.jobs_of(run)
    run.clear("Work")
    run.wait_jobs(lambda jobs: len(jobs) == 2)
    assert run.wait() == "success"
    jobs = world.jobs_of(run)
    assert len(jobs) == 2
    [second] = set(jobs) - set(first)
    assert run.xcom("Work")["ProcessingJobName"] == second


def test_clearing_a_running_step_stops_its_job_and_makes_one_new(world: World, early: dict[str, Run]) -> None:
    run = early["clear"]
    old = deferred(run)
    run.clear("Work")
    jobs = run.wait_jobs(lambda jobs: jobs[old] == "Stopped" and len(jobs) == 2)
    [new] = set(jobs) - {old}
    run.wait_trigger("Work")
    time.sleep(3)  # Airflow may tell the old trigger late
    assert world.jobs_of(run) == {old: "Stopped", new: "InProgress"}
    run.mark("Work", "failed")
    run.wait_jobs(lambda jobs: not live(jobs))


def test_a_worker_killed_between_create_and_its_answer_leaves_one_job(world: World) -> None:
    world.fault(service="sagemaker", operation="CreateProcessingJob", action="kill_client_after", times=1)
    run = world.trigger("one_step", Seconds=8)
    assert run.wait() == "success"
    jobs = world.jobs_of(run)
    assert list(jobs.values()) == ["Completed"]
    assert run.task("Work")["try_number"] == 2, "the second try found the first one's job"
    assert run.xcom("Work")["ProcessingJobName"] in jobs


def test_a_connection_dropped_after_create_leaves_one_job(world: World) -> None:
    world.fault(service="sagemaker", operation="CreateProcessingJob", action="drop_after", times=1)
    run = world.trigger("one_step", Seconds=1)
    assert run.wait() == "success"
    assert list(world.jobs_of(run).values()) == ["Completed"]


def test_create_answers_lost_until_botocore_gives_up_leave_one_job(world: World) -> None:
    world.fault(service="sagemaker", operation="CreateProcessingJob", action="drop_after", times=5)
    run = world.trigger("one_step", Seconds=1)
    assert run.wait() == "success"
    assert list(world.jobs_of(run).values()) == ["Completed"]


def test_a_run_deleted_and_created_again_under_its_id_gets_new_jobs(world: World) -> None:
    run = world.trigger("one_step", run_id="again", Seconds=0)
    assert run.wait() == "success"
    [first] = world.jobs_of(run)
    run.delete()
    run = world.trigger("one_step", run_id="again", Seconds=0)
    assert run.wait() == "success"
    jobs = world.jobs_of(run)
    assert len(jobs) == 2
    [second] = set(jobs) - {first}
    assert run.xcom("Work")["ProcessingJobName"] == second
    assert first.split("-")[1] != second.split("-")[1], "another execution id"


def test_restarting_the_triggerer_stops_nothing(world: World) -> None:
    run = world.trigger("long_job", Seconds=25)
    name = deferred(run)
    world.airflow.stop_component("triggerer")
    time.sleep(3)
    assert world.jobs_of(run) == {name: "InProgress"}
    world.airflow.start_component("triggerer")
    assert run.wait(150) == "success"
    assert world.jobs_of(run) == {name: "Completed"}
    assert run.task("Work")["try_number"] == 1


def test_a_job_longer_than_execution_timeout_is_stopped(world: World, early: dict[str, Run]) -> None:
    run = early["time out"]
    assert run.wait(150) == "failed"
    assert list(world.jobs_of(run).values()) in (["Stopped"], ["Stopping"])
    assert "StepTimeoutError" in run.log("Work")


def test_without_deferral_the_worker_waits_and_on_kill_stops_the_job(world: World) -> None:
    run = world.trigger("chain", Seconds=60)
    run.wait_task("First", "running")
    [name] = run.wait_jobs(lambda jobs: len(jobs) == 1)
    run.mark("First", "failed")
    run.wait_jobs(lambda jobs: jobs == {name: "Stopped"})


def test_without_deferral_a_chain_runs_to_its_end(world: World) -> None:
    run = world.trigger("chain", Seconds=3)
    assert run.wait() == "success"
    assert sorted(world.jobs_of(run).values()) == ["Completed", "Completed"]


def test_twenty_steps_twice_at_once_use_no_retry(world: World) -> None:
    for run in [world.trigger("waves"), world.trigger("waves")]:
        assert run.wait(300) == "success"
        tasks = run.tasks()
        assert len(tasks) == 20
        assert {task["state"] for task in tasks.values()} == {"success"}
        assert {task["try_number"] for task in tasks.values()} == {1}
        assert sorted(world.jobs_of(run).values()) == ["Completed"] * 20


def test_the_rendered_request_is_what_was_sent(world: World) -> None:
    run = world.trigger("one_step", Seconds=1)
    assert run.wait() == "success"
    fields = run.task("Work")["rendered_fields"]
    assert fields["request"]["ProcessingJobName"] in world.jobs_of(run)
    assert fields["request"]["AppSpecification"]["ContainerArguments"] == ["1", "0"]


def test_a_wrong_parameter_value_is_refused_by_rest_and_starts_nothing(world: World) -> None:
    with pytest.raises(AirflowApiError) as caught:
        world.trigger("one_step", "wrong", Seconds="soon")
    assert caught.value.status == 400
    assert "Seconds" in str(caught.value)
    runs = world.airflow.api.request("GET", "dags/one_step/dagRuns", limit=100)["dag_runs"]
    assert "wrong" not in {run["dag_run_id"] for run in runs}


def test_airflow_writes_no_import_error(world: World) -> None:
    errors = world.airflow.api.request("GET", "importErrors")["import_errors"]
    assert errors == [], Path(errors[0]["filename"]).name if errors else ""
