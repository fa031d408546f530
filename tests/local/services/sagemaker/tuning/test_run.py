"""Running a tuning job: when trials are launched, when they are stopped, when it is enough."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.metrics import MetricValue
from airflow_sm_pipelines.local.jobs.supervision import StopRequest
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey
from airflow_sm_pipelines.local.services.sagemaker.tuning.ranges import Categorical, SearchSpace
from airflow_sm_pipelines.local.services.sagemaker.tuning.request import Objective, TrialDefinition, Tuning
from airflow_sm_pipelines.local.services.sagemaker.tuning.run import TuningRun, without_progress
from airflow_sm_pipelines.local.services.sagemaker.tuning.search import Candidate
from airflow_sm_pipelines.local.services.sagemaker.tuning.trials import Trial, best_of

START = datetime(2026, 1, 1, tzinfo=UTC)
OBJECTIVE = Objective("Minimize", "loss")
MEMBERS = {"AlgorithmSpecification": {}, "ResourceConfig": {}}
DEFINITION = TrialDefinition("", OBJECTIVE, SearchSpace((Categorical("x", ("1",)),)), MEMBERS)
TUNING = Tuning("Random", (DEFINITION,), 4, 2, None, None, None, None, (), False)


def job_of(name, kind="training-job", **members):
    key = ResourceKey(kind, "us-west-2", name)
    return Job(key, {}, JobStatus.IN_PROGRESS, START, START, origin={"TunedHyperParameters": {"x": "1"}}, **members)


class Trials:
    """Training jobs that end when they are looked at, as they are told; those without a value run until stopped."""

    def __init__(self, endings):
        self.endings = iter(endings)
        self.jobs = {}
        self.most = 0
        self.clock = count()

    def launch(self, region, request, origin):
        job = job_of(request["TrainingJobName"])
        self.jobs[job.key.name] = job
        self.most = max(self.most, sum(one.status is JobStatus.IN_PROGRESS for one in self.jobs.values()))
        return job

    def stop(self, job):
        self.jobs[job.key.name] = replace(job, status=JobStatus.STOPPED, end_time=self._now())

    def look(self):
        found = [Trial(job, OBJECTIVE) for job in self.jobs.values()]
        for name, job in self.jobs.items():
            if job.status is JobStatus.IN_PROGRESS:
                self.jobs[name] = self._ended(job, next(self.endings, None))
                break
        return found

    def _ended(self, job, ending):
        if ending is None:
            return job
        if ending == "failed":
            return replace(job, status=JobStatus.FAILED, failure_reason="bad", end_time=self._now())
        metrics = () if ending == "silent" else (MetricValue("loss", ending, START),)
        return replace(job, status=JobStatus.COMPLETED, metrics=metrics, end_time=self._now())

    def _now(self):
        return START + timedelta(seconds=next(self.clock))


def run(trials, stop=None, **changes):
    tuning = replace(TUNING, **changes)
    candidates = iter([Candidate(DEFINITION, {"x": str(number)}) for number in range(9)])
    job = job_of("tune", "hyper-parameter-tuning-job")
    running = TuningRun(job, tuning, candidates, trials.look, trials, poll_seconds=0.0)
    with closing(stop or StopRequest()) as asked:
        return running.run(asked)


def statuses(trials):
    return [job.status.value for job in trials.jobs.values()]


def test_it_launches_all_trials_and_never_more_at_once_than_allowed():
    trials = Trials([0.4, 0.3, 0.2, 0.1])
    result = run(trials)
    assert (result.stopped, result.failure_reason) == (False, None)
    assert statuses(trials) == ["Completed"] * 4
    assert trials.most == 2


def test_each_trial_is_numbered():
    trials = Trials([0.1] * 4)
    run(trials, most_parallel=1)
    assert [name.rsplit("-", 1)[0] for name in trials.jobs] == ["tune-001", "tune-002", "tune-003", "tune-004"]


def test_when_its_time_is_over_it_stops_its_trials_and_keeps_what_it_has():
    trials = Trials([0.4])
    assert run(trials, max_seconds=0.05).failure_reason is None
    assert set(statuses(trials)) == {"Completed", "Stopped"}


def test_when_its_time_is_over_without_a_result_it_has_failed():
    trials = Trials([])
    assert "No training job succeeded" in run(trials, max_seconds=0.0, most_trials=9).failure_reason


def test_asked_to_stop_it_stops_its_trials():
    trials, stop = Trials([]), StopRequest()
    threading.Timer(0.1, lambda: stop.set(0.0)).start()
    assert run(trials, stop).stopped
    assert statuses(trials) == ["Stopped", "Stopped"]


def test_it_ends_when_the_target_is_reached():
    trials = Trials([0.4, 0.2])
    run(trials, target=0.2, most_parallel=1)
    assert statuses(trials) == ["Completed", "Completed"]


@pytest.mark.parametrize("ending", ["failed", "silent"])
def test_it_gives_up_after_five_trials_in_vain(ending):
    trials = Trials([ending] * 9)
    result = run(trials, most_parallel=1, most_trials=9)
    assert result.failure_reason is not None
    assert len(trials.jobs) == 5


def test_a_success_after_four_failures_is_one():
    trials = Trials(["failed"] * 4 + [0.1])
    assert run(trials, most_parallel=1, most_trials=5).failure_reason is None


def test_a_launch_refused_because_the_local_aws_stops_ends_it_as_stopped():
    trials = Trials([0.4])

    def refuse(region, request, origin):
        raise AwsError("ServiceUnavailable", "The local AWS is stopping", 503)

    trials.launch = refuse
    assert run(trials).stopped


def test_a_launch_refused_for_another_reason_stops_the_trials_and_is_told():
    trials = Trials([])
    launch = trials.launch

    def once(region, request, origin):
        trials.launch = refuse
        return launch(region, request, origin)

    def refuse(region, request, origin):
        raise AwsError("ValidationException", "no")

    trials.launch = once
    with pytest.raises(AwsError, match="no"):
        run(trials)
    assert statuses(trials) == ["Stopped"]


def ended(*values):
    return [
        Trial(
            replace(
                job_of(f"t{index}"),
                status=JobStatus.COMPLETED,
                end_time=START + timedelta(seconds=index),
                metrics=(MetricValue("loss", value, START),),
            ),
            OBJECTIVE,
        )
        for index, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [((), 0), ((1.0,), 0), ((1.0, 2.0), 1), ((1.0, 0.995), 1), ((1.0, 0.99), 0), ((1.0, 2.0, 0.5), 0)],
)
def test_progress_is_an_improvement_by_one_percent(values, expected):
    assert without_progress(ended(*values)) == expected


def test_the_best_is_a_completed_trial_and_the_earliest_of_equals():
    first, second, third = ended(0.5, 0.2, 0.2)
    stopped = Trial(replace(third.job, status=JobStatus.STOPPED, metrics=(MetricValue("loss", 0.1, START),)), OBJECTIVE)
    assert best_of([first, second, third, stopped]) is second
    assert best_of([]) is None
