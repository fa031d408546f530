"""EMR Serverless of the local AWS: applications, job runs, and their states."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

ROLE = "arn:aws:iam::123456789012:role/EmrServerlessRole"
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
TOKENS = itertools.count()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A program that is called like Spark's and runs its application as a command."""
    program = tmp_path_factory.mktemp("bin") / "spark-submit"
    program.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture
def serverless(spark: None, bench: Any) -> Any:
    return bench.client("emr-serverless")


@pytest.fixture
def application(serverless: Any) -> str:
    return create(serverless)


def token() -> str:
    return f"token-{next(TOKENS)}"


def create(serverless: Any, **members: Any) -> str:
    request = {"releaseLabel": "emr-7.0.0", "type": "SPARK", "clientToken": token(), **members}
    name = serverless.create_application(**request)["applicationId"]
    wait(serverless, name, "CREATED")
    return str(name)


def state(serverless: Any, application: str) -> str:
    return str(serverless.get_application(applicationId=application)["application"]["state"])


def wait(serverless: Any, application: str, wanted: str) -> None:
    deadline = time.monotonic() + 10
    while (found := state(serverless, application)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def request(*words: str, **members: Any) -> dict[str, Any]:
    spark = {"entryPoint": words[0], "entryPointArguments": list(words[1:])}
    return {"clientToken": token(), "executionRoleArn": ROLE, "jobDriver": {"sparkSubmit": spark}, **members}


def start(serverless: Any, application: str, *words: str, **members: Any) -> str:
    return str(serverless.start_job_run(applicationId=application, **request(*words, **members))["jobRunId"])


def finish(serverless: Any, application: str, run: str, states: tuple[str, ...] = ENDED) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while True:
        found: dict[str, Any] = serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
        if found["state"] in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.03)


def code(caught: Any) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_run_starts_its_application_and_ends(serverless: Any, application: str) -> None:
    run = start(serverless, application, "true", name="mine", tags={"a": "b"}, executionTimeoutMinutes=5)

    found = finish(serverless, application, run)

    assert found["state"] == "SUCCESS"
    assert found["name"] == "mine"
    assert found["tags"] == {"a": "b"}
    assert found["executionTimeoutMinutes"] == 5
    assert found["releaseLabel"] == "emr-7.0.0"
    assert state(serverless, application) == "STARTED"


def test_a_failed_run_says_why(serverless: Any, application: str) -> None:
    found = finish(serverless, application, start(serverless, application, "sh", "-c", "exit 3"))

    assert (found["state"], found["stateDetails"]) == ("FAILED", "spark-submit ended with exit code 3")


def test_what_is_not_spark_fails_with_that_reason(serverless: Any, application: str) -> None:
    asked = {**request("true"), "jobDriver": {"hive": {"query": "select 1"}}}
    run = serverless.start_job_run(applicationId=application, **asked)["jobRunId"]

    assert "runs sparkSubmit only" in finish(serverless, application, run)["stateDetails"]


def test_the_same_token_starts_one_run_and_makes_one_application(serverless: Any, application: str) -> None:
    asked = request("true")
    runs = {serverless.start_job_run(applicationId=application, **asked)["jobRunId"] for _ in range(3)}
    assert len(runs) == 1
    made = {"releaseLabel": "emr-7.0.0", "type": "SPARK", "clientToken": token()}
    assert len({serverless.create_application(**made)["applicationId"] for _ in range(3)}) == 1

    with pytest.raises(ClientError) as caught:
        serverless.create_application(**{**made, "name": "another"})

    assert code(caught) == "ConflictException"


def test_a_run_is_cancelled_once(serverless: Any, application: str) -> None:
    run = start(serverless, application, "sleep", "60")
    finish(serverless, application, run, ("RUNNING",))

    serverless.cancel_job_run(applicationId=application, jobRunId=run)

    assert finish(serverless, application, run)["state"] == "CANCELLED"
    with pytest.raises(ClientError) as caught:
        serverless.cancel_job_run(applicationId=application, jobRunId=run)
    assert code(caught) == "ValidationException"


def test_an_application_is_stopped_when_its_runs_have_ended_and_deleted_when_it_is_stopped(
    serverless: Any, application: str
) -> None:
    run = start(serverless, application, "sleep", "60")
    finish(serverless, application, run, ("RUNNING",))
    for refused in (serverless.stop_application, serverless.delete_application):
        with pytest.raises(ClientError) as caught:
            refused(applicationId=application)
        assert code(caught) == "ValidationException"
    serverless.cancel_job_run(applicationId=application, jobRunId=run)
    finish(serverless, application, run)

    serverless.stop_application(applicationId=application)
    wait(serverless, application, "STOPPED")
    serverless.delete_application(applicationId=application)

    assert state(serverless, application) == "TERMINATED"
    with pytest.raises(ClientError) as caught:
        start(serverless, application, "true")
    assert code(caught) == "ValidationException"


def test_lists_filter_by_state_and_come_in_pages(serverless: Any, application: str) -> None:
    runs = [start(serverless, application, "true") for _ in range(3)]
    for run in runs:
        finish(serverless, application, run)

    pages = list(
        serverless.get_paginator("list_job_runs").paginate(
            applicationId=application, states=["SUCCESS", "RUNNING"], PaginationConfig={"PageSize": 2}
        )
    )

    assert [one["id"] for page in pages for one in page["jobRuns"]] == runs[::-1]
    assert len(pages) == 2
    assert serverless.list_job_runs(applicationId=application, states=["RUNNING"])["jobRuns"] == []
    wait(serverless, application, "STARTED")
    started = serverless.list_applications(states=["STARTED"])["applications"]
    assert application in [one["id"] for one in started]


def test_tags_of_applications_and_runs(serverless: Any) -> None:
    application = create(serverless, tags={"a": "1"})
    arn = serverless.get_application(applicationId=application)["application"]["arn"]

    serverless.tag_resource(resourceArn=arn, tags={"b": "2"})
    serverless.untag_resource(resourceArn=arn, tagKeys=["a"])

    assert serverless.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    run = serverless.start_job_run(applicationId=application, **request("true", tags={"c": "3"}))
    assert serverless.list_tags_for_resource(resourceArn=run["arn"])["tags"] == {"c": "3"}


@pytest.mark.parametrize(
    "call",
    [
        lambda client, _: client.get_application(applicationId="00none"),
        lambda client, _: start(client, "00none", "true"),
        lambda client, application: client.get_job_run(applicationId=application, jobRunId="00none"),
        lambda client, _: client.list_tags_for_resource(
            resourceArn="arn:aws:emr-serverless:us-west-2:123456789012:/applications/00none"
        ),
    ],
)
def test_what_is_unknown_is_not_found(serverless: Any, application: str, call: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(serverless, application)
    assert code(caught) == "ResourceNotFoundException"


def test_a_request_that_does_not_fit_the_model_is_refused(serverless: Any, application: str) -> None:
    with pytest.raises(ClientError) as caught:
        start(serverless, application, "true", clientToken="no spaces please")
    assert code(caught) == "ValidationException"


def test_fault_rules_reach_job_runs(serverless: Any, application: str, bench: Any) -> None:
    rule = {"service": "emr-serverless", "operation": "StartJobRun", "action": "job_fail", "reason": "no luck"}
    bench.control("POST", "faults", rule)

    run = start(serverless, application, "true")

    bench.control("DELETE", "faults")
    assert finish(serverless, application, run)["stateDetails"] == "no luck"


def test_a_rehearsal_accepts_any_application_and_its_runs_end_as_they_are_told(open_workbench: Any) -> None:
    outcomes = {"Bad": Outcome(failure_reason="as told"), "Gone": Outcome(stopped=True)}
    with open_workbench(stand_in=Rehearsal(outcomes=outcomes, job_seconds=0.05)) as bench:
        client = bench.client("emr-serverless")
        states = []
        for step in ("Good", "Bad", "Gone"):
            run = start(client, "00somewhere", "s3://b/x.py", tags={"sm-pipelines:task": step})
            states.append(finish(client, "00somewhere", run)["state"])
        assert states == ["SUCCESS", "FAILED", "CANCELLED"]
