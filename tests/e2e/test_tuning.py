"""A Tuning step on the real scheduler: one tuning job, and with it all of its training jobs, whatever happens."""

from __future__ import annotations

import io
import sys
import tarfile
import time
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e
STOP_ORPHANS = (sys.executable, "-m", "airflow_sm_pipelines.cli.main", "stop-orphans")
SCRIPT = b"""
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float)
parser.add_argument("-x", type=int)
arguments = parser.parse_args()
time.sleep(arguments.seconds)
print(f"score={arguments.x}")
"""


@pytest.fixture(scope="module", autouse=True)
def _code(_world: World) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("train.py")
        member.size = len(SCRIPT)
        archive.addfile(member, io.BytesIO(SCRIPT))
    s3 = boto3.client(
        "s3",
        endpoint_url=_world.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.put_object(Bucket="e2e", Key="tuning/sourcedir.tar.gz", Body=stream.getvalue())


@pytest.fixture(scope="module")
def early(_world: World, _code: None) -> dict[str, Run]:
    """Runs that need time and nothing else, started together before the first test."""
    return {name: _world.trigger("tuning", Seconds=600) for name in ("mark failed", "clear", "not an orphan")}


def tuning_jobs_of(run: Run) -> dict[str, str]:
    """Name and status of every tuning job whose tags name the run."""
    client, found = run.world.sagemaker, {}
    for page in client.get_paginator("list_hyper_parameter_tuning_jobs").paginate():
        for job in page["HyperParameterTuningJobSummaries"]:
            tags = client.list_tags(ResourceArn=job["HyperParameterTuningJobArn"])["Tags"]
            if {"Key": "sm-pipelines:run", "Value": run.run_id} in tags:
                found[job["HyperParameterTuningJobName"]] = job["HyperParameterTuningJobStatus"]
    return found


def trials_of(run: Run, name: str) -> dict[str, str]:
    """Name and status of every training job of a tuning job."""
    answer = run.world.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return {one["TrainingJobName"]: one["TrainingJobStatus"] for one in answer["TrainingJobSummaries"]}


def deferred(run: Run) -> str:
    """Wait until the task is deferred and its trigger at work; return the tuning job's name."""
    run.wait_trigger("Tune")
    [name] = tuning_jobs_of(run)
    assert list(trials_of(run, name).values()) == ["InProgress"] * 2, "as many as may run at once"
    return name


def wait_ended(run: Run, name: str, status: str) -> dict[str, str]:
    wait_for(lambda: tuning_jobs_of(run)[name] == status, 60, f"{name} to be {status}")
    return trials_of(run, name)


def test_the_step_publishes_its_training_jobs_the_best_first_and_puts_them_into_the_experiment(world: World) -> None:
    run = world.trigger("tuning", Seconds=1)
    assert run.wait() == "success", run.log("Tune")
    [name] = tuning_jobs_of(run)
    properties: dict[str, Any] = run.xcom("Tune")
    scores = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in properties["TrainingJobSummaries"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert properties["BestTrainingJob"]["TrainingJobName"] == properties["TrainingJobSummaries"][0]["TrainingJobName"]
    trial = name.split("-")[1]
    components = world.sagemaker.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    assert {one["TrialComponentName"] for one in components} == {
        f"{one}-aws-training-job" for one in trials_of(run, name)
    }


def test_marking_the_task_failed_stops_the_tuning_job_and_its_training_jobs(
    world: World, early: dict[str, Run]
) -> None:
    run = early["mark failed"]
    name = deferred(run)
    run.mark("Tune", "failed")
    assert list(wait_ended(run, name, "Stopped").values()) == ["Stopped"] * 2, "none was launched meanwhile"
    assert len(tuning_jobs_of(run)) == 1


def test_clearing_the_running_step_stops_its_tuning_job_and_makes_one_new(world: World, early: dict[str, Run]) -> None:
    run = early["clear"]
    old = deferred(run)
    run.clear("Tune")
    wait_for(lambda: len(tuning_jobs_of(run)) == 2, 60, "a second tuning job")
    assert set(wait_ended(run, old, "Stopped").values()) == {"Stopped"}
    [new] = set(tuning_jobs_of(run)) - {old}
    run.wait_trigger("Tune")
    time.sleep(3)  # Airflow may tell the old trigger late
    assert tuning_jobs_of(run) == {old: "Stopped", new: "InProgress"}
    run.mark("Tune", "failed")
    wait_ended(run, new, "Stopped")


def test_stop_orphans_leaves_the_training_jobs_of_a_live_task_and_stops_those_of_a_dead_one(
    world: World, early: dict[str, Run]
) -> None:
    run = early["not an orphan"]
    name = deferred(run)
    answer = world.airflow.run(*STOP_ORPHANS)
    assert answer.returncode == 0, answer.stderr
    assert name not in answer.stdout
    assert set(trials_of(run, name).values()) == {"InProgress"}, "they carry the tags of the tuning job"
    world.airflow.stop_component("triggerer")  # nobody is there to be told of the kill
    run.mark("Tune", "failed")
    answer = world.airflow.run(*STOP_ORPHANS)
    world.airflow.start_component("triggerer")
    assert name in answer.stdout, answer.stdout + answer.stderr
    assert set(wait_ended(run, name, "Stopped").values()) == {"Stopped"}


def test_restarting_the_triggerer_stops_nothing(world: World) -> None:
    run = world.trigger("tuning", Seconds=20)
    name = deferred(run)
    world.airflow.stop_component("triggerer")
    time.sleep(3)
    meanwhile = tuning_jobs_of(run)
    world.airflow.start_component("triggerer")
    assert meanwhile == {name: "InProgress"}
    assert run.wait(150) == "success"
    assert tuning_jobs_of(run) == {name: "Completed"}
    assert list(trials_of(run, name).values()) == ["Completed"] * 3
    assert run.task("Tune")["try_number"] == 1


def test_a_worker_killed_between_create_and_its_answer_leaves_one_tuning_job(world: World) -> None:
    world.fault(service="sagemaker", operation="CreateHyperParameterTuningJob", action="kill_client_after", times=1)
    run = world.trigger("tuning", Seconds=3)
    assert run.wait() == "success"
    jobs = tuning_jobs_of(run)
    assert list(jobs.values()) == ["Completed"]
    assert run.task("Tune")["try_number"] == 2, "the second try found the first one's tuning job"
    assert len(trials_of(run, *jobs)) == 3


def test_a_failed_tuning_job_says_why_its_training_jobs_failed(world: World) -> None:
    run = world.trigger("tuning", Seconds=-1)
    assert run.wait() == "failed"
    log = run.log("Tune")
    assert "No training job succeeded after 3 attempts" in log
    assert "sleep length must be non-negative" in log
    assert run.task("Tune")["try_number"] == 1
