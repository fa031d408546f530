from __future__ import annotations

import threading

import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.container import ContainerPlan, JobFailure, S3Upload
from airflow_sm_pipelines.local.jobs.job_site import Clients, JobSite
from airflow_sm_pipelines.local.jobs.runner import JobOrder, JobResult, Runner
from airflow_sm_pipelines.local.jobs.sandbox import RewriteSandbox
from airflow_sm_pipelines.local.server.faults import JobFault
from airflow_sm_pipelines.local.settings import LocalSettings


class Events:
    """Keeps what happened to a job."""

    def __init__(self):
        self.told = []
        self.result = None
        self.over = threading.Event()

    def entered(self, phase):
        self.told.append(phase.name.lower())

    def stopping(self):
        self.told.append("stopping")

    def ended(self, result):
        self.told.append("ended")
        self.result = result
        self.over.set()


@pytest.fixture
def runner(bench, tmp_path):
    clients = Clients(bench.aws.endpoint_url, "key")
    settings = LocalSettings(stop_grace_seconds=0.3, shutdown_grace_seconds=0.1)
    site = JobSite(settings, tmp_path, RewriteSandbox(), clients, {})
    site.create_commands()
    runner = Runner(site)
    yield runner
    runner.close()
    clients.close()


def plan_of(*command, **members):
    return lambda: ContainerPlan(command, "group", "stream", **members)


def start(runner, plan, fault=JobFault(), name="job"):  # noqa: B008 - it is frozen
    events = Events()
    runner.start(JobOrder(name, "us-west-2", plan, events, fault))
    return events


def run(runner, plan, **members):
    events = start(runner, plan, **members)
    assert events.over.wait(10)
    return events


def test_a_job_is_started_and_ended(runner):
    events = run(runner, plan_of("true"))
    assert events.told == ["downloading", "running", "uploading", "ended"]
    assert events.result == JobResult(stopped=False)


def test_a_plan_that_fails_fails_the_job_before_it_starts(runner):
    def plan():
        raise JobFailure("ClientError: cannot do that")

    events = run(runner, plan)
    assert events.told == ["ended"]
    assert events.result == JobResult(stopped=False, failure_reason="ClientError: cannot do that")


def test_an_output_outside_of_opt_ml_fails_the_job_before_it_starts(runner):
    uploads = (S3Upload("out", "/data", "s3://test-bucket/x"),)
    events = run(runner, plan_of("true", uploads=uploads))
    assert events.told == ["ended"]
    assert "/data is outside of it" in events.result.failure_reason


def test_a_bug_fails_the_job_and_is_logged(runner, caplog):
    def plan():
        raise RuntimeError("bug")

    events = run(runner, plan)
    assert events.result.failure_reason == "InternalServerError: local AWS: RuntimeError('bug')"
    assert "Job job broke the local AWS" in caplog.text


def test_the_time_limit_is_told_before_the_end(runner):
    events = run(runner, plan_of("sleep", "60", max_runtime_seconds=0.2))
    assert events.told == ["downloading", "running", "stopping", "uploading", "ended"]
    assert events.result == JobResult(stopped=True, timed_out=True)


def test_a_job_that_waits_to_start_can_be_stopped(runner):
    events = start(runner, plan_of("true"), fault=JobFault(delay_seconds=60))
    runner.stop("job")
    assert events.over.wait(5)
    assert events.told == ["ended"]
    assert events.result == JobResult(stopped=True)


def test_stopping_a_job_that_has_ended_does_nothing(runner):
    run(runner, plan_of("true"))
    runner.stop("job")


def test_close_stops_what_runs_and_refuses_what_comes(runner):
    events = start(runner, plan_of("sleep", "60"))
    runner.close()
    assert events.result == JobResult(stopped=True)
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        start(runner, plan_of("true"), name="late")


def test_an_exit_message_stays_whole_characters(runner):
    code = "mkdir -p $0; printf 'x%.0s' $(seq 1023) > $0/message; printf 'é' >> $0/message"
    events = run(runner, plan_of("sh", "-c", code, "/opt/ml/output"))
    assert events.result.exit_message == "x" * 1023
