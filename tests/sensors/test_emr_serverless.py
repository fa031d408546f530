"""EMR Serverless job runs: what is sent, and what is left behind, against the local AWS."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_APPLICATION, EMR_SERVERLESS_JOB
from airflow_sm_pipelines.aws.requests.tags import owner_of
from airflow_sm_pipelines.errors import RequestError, StepError, StepFailedError, StepTimeoutError
from airflow_sm_pipelines.execution import leftovers as removal
from airflow_sm_pipelines.execution import step_run
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.local.server.local_aws import LocalAws

pytestmark = pytest.mark.loopback

ROLE = "arn:aws:iam::123456789012:role/EmrServerlessRole"
LEFT = ["CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS on a machine with a program that is called like Spark's and runs its application as a command."""
    program = tmp_path_factory.mktemp("bin") / "spark-submit"
    program.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        with LocalAws(stop_grace_seconds=0.5, shutdown_grace_seconds=0.2) as aws:
            yield aws


@pytest.fixture
def serverless(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    quick = Config(retries={"total_max_attempts": 2})
    client = session.client("emr-serverless", region_name="us-west-2", endpoint_url=aws.endpoint_url, config=quick)
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: client)
    monkeypatch.setattr(removal, "_INTERVAL", 0.1)
    yield client
    control(aws, "DELETE", "faults")
    assert client.list_applications(states=LEFT)["applications"] == [], "every test leaves nothing"


@pytest.fixture
def application(serverless: Any) -> Iterator[str]:
    """An application of somebody else."""
    made = serverless.create_application(releaseLabel="emr-7.0.0", type="SPARK", clientToken=os.urandom(8).hex())
    name = made["applicationId"]
    wait_for(serverless, name, "CREATED")
    yield name
    serverless.stop_application(applicationId=name)
    wait_for(serverless, name, "STOPPED")
    serverless.delete_application(applicationId=name)


def wait_for(serverless: Any, application: str, state: str) -> None:
    until(lambda: serverless.get_application(applicationId=application)["application"]["state"] == state)


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def control(aws: LocalAws, method: str, path: str, document: object = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    call = urllib.request.Request(f"{aws.endpoint_url}/_local/{path}", data=body, method=method)
    with urllib.request.urlopen(call) as answer:
        return json.load(answer)


def fault(aws: LocalAws, operation: str, action: str, times: int | None = None, **members: Any) -> None:
    rule = {"service": "emr-serverless", "operation": operation, "action": action, "times": times}
    control(aws, "POST", "faults", {**rule, **members})


@pytest.fixture
def run(definition: Any, context: Any, ti: Any) -> Any:
    """Runs one EMRServerless step to its end in this process; a try more with each call."""
    from airflow_sm_pipelines import pipeline_dag

    def execute(arguments: dict[str, Any], **dag: Any) -> dict[str, Any]:
        body = definition({"Name": "Work", "Type": "EMRServerless", "Arguments": arguments}, Parameters=[])
        settings = {"deferrable": False, "poll_interval": 0.2, **dag}
        task: Any = pipeline_dag(body, dag_id="dag", aws_conn_id=None, **settings).get_task("Work")
        ti.task_id, ti.task = task.task_id, task
        execute.task = task  # type: ignore[attr-defined]
        try:
            properties: dict[str, Any] = task.execute(context)
            return properties
        finally:
            ti.try_number += 1

    return execute


def job(*words: str, **config: Any) -> dict[str, Any]:
    spark = {"entryPoint": words[0], "entryPointArguments": list(words[1:])}
    return {"ExecutionRoleArn": ROLE, "JobConfig": {"jobDriver": {"sparkSubmit": spark}, **config}}


def own(*words: str, application: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    made = {"releaseLabel": "emr-7.0.0", "type": "SPARK", **(application or {})}
    return {**job(*words, **config), "ApplicationConfig": made}


def runs(serverless: Any, application: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = serverless.list_job_runs(applicationId=application)["jobRuns"]
    return found


def newest_application(serverless: Any) -> dict[str, Any]:
    name = serverless.list_applications()["applications"][0]["id"]
    found: dict[str, Any] = serverless.get_application(applicationId=name)["application"]
    return found


# -- in an existing application ------------------------------------------------------------------------------------


def test_the_properties_are_the_get_job_run_response(run: Any, serverless: Any, application: str) -> None:
    properties = run({**job("true", name="my job", tags={"team": "ml"}), "ApplicationId": application})

    assert set(properties) == {"jobRun"}
    found = properties["jobRun"]
    assert found["state"] == "SUCCESS"
    assert found["applicationId"] == application
    assert found["executionRole"] == ROLE
    assert found["name"].startswith("my job pipelines-")
    assert found["tags"]["team"] == "ml"
    assert found["tags"]["sm-pipelines:task"] == "Work"


def test_the_role_in_the_job_config_counts_most(run: Any, application: str) -> None:
    inner = f"{ROLE}Inner"
    arguments = {**job("true", executionRoleArn=inner), "ApplicationId": application}

    assert run(arguments)["jobRun"]["executionRole"] == inner


def test_a_step_without_a_role_takes_the_pipelines(run: Any, application: str) -> None:
    arguments = {**job("true"), "ApplicationId": application}
    del arguments["ExecutionRoleArn"]

    assert run(arguments, role_arn=ROLE)["jobRun"]["executionRole"] == ROLE


def test_numbers_that_came_as_text_fit_the_api(run: Any, application: str) -> None:
    arguments = {**job("true", executionTimeoutMinutes="7"), "ApplicationId": application}

    assert run(arguments)["jobRun"]["executionTimeoutMinutes"] == 7


def test_what_was_sent_is_shown_after_a_deferral(run: Any, application: str) -> None:
    properties = run({**job("echo", "1"), "ApplicationId": application})
    sent, task = run.task.request, run.task

    shown = task.described_request(properties, list(sent))

    assert shown["jobDriver"] == sent["jobDriver"]
    assert shown["name"] == sent["name"]


def test_a_failed_run_says_why(run: Any, application: str) -> None:
    with pytest.raises(StepFailedError, match="ended FAILED: spark-submit ended with exit code 1"):
        run({**job("false"), "ApplicationId": application})


def test_an_unknown_application_is_named(run: Any, serverless: Any) -> None:
    with pytest.raises(StepFailedError, match="StartJobRun: ResourceNotFoundException: Application 00none does not"):
        run({**job("true"), "ApplicationId": "00none"})


def test_a_run_whose_answers_were_lost_is_one_run(run: Any, aws: LocalAws, serverless: Any, application: str) -> None:
    fault(aws, "StartJobRun", "drop_after")
    with pytest.raises(StepFailedError, match="AWS did not answer StartJobRun"):
        run({**job("true"), "ApplicationId": application})
    control(aws, "DELETE", "faults")

    run({**job("true"), "ApplicationId": application})

    assert len(runs(serverless, application)) == 1


def test_a_run_whose_answer_was_lost_before_a_clear_is_cancelled(
    run: Any, aws: LocalAws, serverless: Any, ti: Any, application: str
) -> None:
    fault(aws, "StartJobRun", "drop_after")
    with pytest.raises(StepFailedError):
        run({**job("sleep", "60"), "ApplicationId": application})
    control(aws, "DELETE", "faults")
    ti.max_tries += 1  # what a clear does

    run({**job("true"), "ApplicationId": application})

    assert [one["state"] for one in runs(serverless, application)] == ["SUCCESS", "CANCELLED"]


def test_a_run_longer_than_its_execution_timeout_is_cancelled(run: Any, serverless: Any, application: str) -> None:
    with pytest.raises(StepTimeoutError):
        run(
            {**job("sleep", "60"), "ApplicationId": application},
            overrides={"Work": {"execution_timeout": timedelta(seconds=1)}},
        )

    until(lambda: runs(serverless, application)[0]["state"] == "CANCELLED")


def test_a_run_is_found_among_the_running_ones_with_its_owner(
    run: Any, aws: LocalAws, serverless: Any, application: str
) -> None:
    fault(aws, "StartJobRun", "drop_after")
    with pytest.raises(StepFailedError):
        run({**job("sleep", "60"), "ApplicationId": application})
    control(aws, "DELETE", "faults")

    [(reference, arn)] = jobs.running(serverless, EMR_SERVERLESS_JOB)

    owner = owner_of(jobs.tags(serverless, EMR_SERVERLESS_JOB, arn))
    assert owner is not None
    assert owner.task_id == "Work"
    assert reference.startswith(f"{application}/pipelines-")
    assert jobs.stop(serverless, EMR_SERVERLESS_JOB, reference)
    until(lambda: runs(serverless, application)[0]["state"] == "CANCELLED")
    assert not jobs.stop(serverless, EMR_SERVERLESS_JOB, reference)


# -- in an application of its own ----------------------------------------------------------------------------------


def test_an_application_is_made_named_tagged_and_deleted(run: Any, serverless: Any) -> None:
    found = run(own("true", application={"name": "prepare", "tags": {"team": "ml"}}))["jobRun"]

    application = newest_application(serverless)
    assert application["applicationId"] == found["applicationId"]
    assert application["state"] == "TERMINATED"
    given, _, attempt = application["name"].partition("/")
    assert "prepare".startswith(given)
    assert attempt.startswith("pipelines-")
    assert {"team", "sm-pipelines:task"} < set(application["tags"])


def test_numbers_of_the_application_fit_the_api(run: Any, serverless: Any) -> None:
    run(own("true", application={"autoStopConfiguration": {"enabled": "true", "idleTimeoutMinutes": "5"}}))

    assert newest_application(serverless)["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 5}


def test_an_application_config_that_does_not_fit_is_refused_before_anything_is_made(run: Any, serverless: Any) -> None:
    before = len(serverless.list_applications()["applications"])

    with pytest.raises(RequestError, match="releaseLabels: the API knows no such member; did you mean releaseLabel"):
        run(own("true", application={"releaseLabels": "x"}))

    assert len(serverless.list_applications()["applications"]) == before


def test_the_application_of_a_failed_run_is_deleted(run: Any, serverless: Any) -> None:
    with pytest.raises(StepFailedError, match="exit code 1"):
        run(own("false"))


def test_the_application_of_a_run_that_does_not_fit_the_api_is_deleted(run: Any, serverless: Any) -> None:
    with pytest.raises(RequestError, match="jobDrivers: the API knows no such member"):
        run(own("true", jobDrivers={}))


def test_the_application_of_a_run_that_was_refused_is_deleted(run: Any, aws: LocalAws, serverless: Any) -> None:
    fault(aws, "StartJobRun", "error", code="AccessDeniedException", http_status=403)

    with pytest.raises(StepFailedError, match="AccessDenied"):
        run(own("true"))


def test_the_application_of_a_run_that_took_too_long_is_deleted_with_it(run: Any, serverless: Any) -> None:
    with pytest.raises(StepTimeoutError):
        run(own("sleep", "60"), overrides={"Work": {"execution_timeout": timedelta(seconds=1)}})


def test_a_killed_task_cancels_its_run_and_deletes_the_application(
    run: Any, serverless: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")

    def kill() -> None:
        until(lambda: bool(serverless.list_applications(states=["STARTED"])["applications"]))
        run.task.on_kill()  # what Airflow's signal handler does

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(StepError, match="its task was ended"):
        run(own("sleep", "60"))
    killer.join()

    application = newest_application(serverless)["applicationId"]
    assert [one["state"] for one in runs(serverless, application)] == ["CANCELLED"]


def test_an_application_whose_answer_was_lost_is_made_once(run: Any, aws: LocalAws, serverless: Any) -> None:
    fault(aws, "CreateApplication", "drop_after", times=1)
    before = len(serverless.list_applications()["applications"])

    run(own("true"))

    assert len(serverless.list_applications()["applications"]) == before + 1


def test_an_application_that_a_dead_worker_left_is_found_and_removed(run: Any, aws: LocalAws, serverless: Any) -> None:
    fault(aws, "(StartJobRun|StopApplication|DeleteApplication)", "drop_before")
    with pytest.raises(StepFailedError):
        run(own("true"))
    control(aws, "DELETE", "faults")

    [(reference, arn)] = jobs.running(serverless, EMR_SERVERLESS_APPLICATION)

    assert owner_of(jobs.tags(serverless, EMR_SERVERLESS_APPLICATION, arn)) is not None
    assert list(jobs.running(serverless, EMR_SERVERLESS_JOB)) == []
    until(lambda: not jobs.remove(serverless, EMR_SERVERLESS_APPLICATION, reference))
