"""Lambda steps on the real scheduler: at least once, at most once, killed."""

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e

HANDLER = """
import time
import boto3

def handle(event, context):
    caller = context.client_context.custom
    boto3.client("s3").put_object(
        Bucket="e2e", Key=f"lambda/{event['run']}/{caller['token']}/{caller['try']}-{context.aws_request_id}"
    )
    time.sleep(event["seconds"])
    return {"token": caller["token"]}
"""


def client_of(world: World, service: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=world.aws.endpoint_url, region_name="us-west-2", **keys)


@pytest.fixture(scope="module", autouse=True)
def _function(_world: World) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    client_of(_world, "lambda").create_function(
        FunctionName="e2e",
        Role="arn:aws:iam::123456789012:role/lambda",
        Runtime="python3.12",
        Handler="handler.handle",
        Timeout=300,
        Code={"ZipFile": code.getvalue()},
    )


@pytest.fixture
def calls(world: World) -> Any:
    """What the function was told by each of its invocations for a step: token and try."""
    before = set(keys(world))

    def of() -> list[tuple[str, str]]:
        found = [key.split("/")[2:] for key in keys(world) if key not in before]
        return sorted((token, rest.partition("-")[0]) for token, rest in found)

    return of


def keys(world: World) -> list[str]:
    answer = client_of(world, "s3").list_objects_v2(Bucket="e2e", Prefix="lambda/")
    return [entry["Key"] for entry in answer.get("Contents", ())]


def kill_the_worker_after_the_invocation(world: World) -> None:
    world.fault(service="lambda", operation="Invoke", action="kill_client_after", times=1)


def test_a_worker_killed_between_invocation_and_answer_invokes_again(world: World, calls: Any) -> None:
    kill_the_worker_after_the_invocation(world)
    run = world.trigger("lambda_retry")
    assert run.wait() == "success"
    (token, first), (same, second) = calls()
    assert (first, second) == ("1", "2")
    assert token == same == run.xcom("Call")["OutputParameters"]["token"], "the handler can tell the repetition"
    assert "invoking it again" in run.log("Call", 2)


def test_with_on_unknown_fail_it_does_not_until_a_human_clears_the_task(world: World, calls: Any) -> None:
    kill_the_worker_after_the_invocation(world)
    run = world.trigger("lambda_fail")
    assert run.wait() == "failed"
    [(token, attempt)] = calls()
    assert attempt == "1"
    assert run.task("Call")["try_number"] == 2, "the second try failed for good, although the task has retries left"
    assert "Lambda cannot tell whether it has run, and on_unknown is fail" in run.log("Call", 2)

    run.clear("Call")
    wait_for(lambda: run.state() == "success", 90, "the cleared run to succeed")
    assert len(calls()) == 2
    assert run.xcom("Call")["OutputParameters"]["token"] != token


def test_marking_it_failed_ends_the_task_and_says_that_the_function_goes_on(world: World, calls: Any) -> None:
    run: Run = world.trigger("lambda_retry", Seconds=100)
    wait_for(calls, 60, "the function to be invoked")
    began = time.monotonic()
    run.mark("Call", "failed")
    wait_for(lambda: "Lambda cannot stop a function" in run.log("Call"), 60, "the task to say what goes on")
    assert time.monotonic() - began < 30
    assert run.wait() == "failed"
    time.sleep(3)
    assert len(calls()) == 1
