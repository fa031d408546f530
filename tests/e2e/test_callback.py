"""A Callback step on the real scheduler: every way to answer, and every way to end it without an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import boto3
import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e

OUTPUTS = {"approved": True, "rows": 12, "auc": 0.75, "where": "s3://bucket/key"}
AS_TEXT = {"approved": "true", "rows": "12", "auc": "0.75", "where": "s3://bucket/key"}
HANDLER = Path(__file__).parents[2] / "dags" / "callback_scripts" / "answer.py"
QUIET = 11.0
"""Seconds after which a parked task may be resumed at once."""

HIDE_THE_PACKAGE = """
import importlib
for name in ("importlib.metadata", "importlib_metadata"):
    module = importlib.import_module(name)
    every = module.distributions
    module.distributions = lambda every=every: (d for d in every() if d.metadata["Name"] != "airflow-sm-pipelines")
"""


@dataclass
class Callback:
    """One run of the DAG, the queue it writes to, and the one who answers."""

    run: Run
    queue_url: str
    sqs: Any

    @property
    def client(self) -> Any:
        """An unmodified boto3 client, told where our endpoint is and nothing else."""
        return boto3.client(
            "sagemaker",
            endpoint_url=f"{self.run.world.airflow.api.base_url}/sm-pipelines/callback",
            region_name="us-west-2",
            aws_access_key_id="anything",
            aws_secret_access_key="anything",
        )

    def message(self, timeout: float = 60) -> dict[str, Any]:
        """Take the next message of the queue."""
        body: dict[str, Any] = wait_for(self._receive, timeout, "a message")
        return body

    def has_no_message(self, seconds: int = 3) -> bool:
        return self._receive(seconds) is None

    def _receive(self, seconds: int = 1) -> dict[str, Any] | None:
        found = self.sqs.receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=seconds).get("Messages")
        if not found:
            return None
        self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=found[0]["ReceiptHandle"])
        body: dict[str, Any] = json.loads(found[0]["Body"])
        return body

    def succeed(self, token: str, **outputs: str) -> str:
        parameters = [{"Name": name, "Value": value} for name, value in {**AS_TEXT, **outputs}.items()]
        answer = self.client.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=parameters)
        return str(answer["PipelineExecutionArn"])

    def fail(self, token: str, reason: str) -> str:
        answer = self.client.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason=reason)
        return str(answer["PipelineExecutionArn"])

    def respond(self, option: str, **form: Any) -> Any:
        """Answer as a person does, over Airflow's REST API."""
        body = {"chosen_options": [option], "params_input": form}
        return self.run.world.airflow.api.request("PATCH", self._action, body)

    def action(self) -> dict[str, Any]:
        found: dict[str, Any] = self.run.world.airflow.api.request("GET", self._action)
        return found

    @property
    def _action(self) -> str:
        return f"{self.run._path}/taskInstances/Ask/-1/hitlDetails"


def started(world: World, dag_id: str = "callback", *, fifo: bool = False) -> Callback:
    sqs = boto3.client(
        "sqs",
        endpoint_url=world.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    name = f"callback-{uuid.uuid4().hex[:8]}" + (".fifo" if fifo else "")
    url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
    return Callback(world.trigger(dag_id, QueueUrl=url), url, sqs)


@pytest.fixture(scope="module")
def early(_world: World) -> dict[str, Callback]:
    """Runs that wait until their test comes, started together."""
    names = ("api", "person", "clear", "mark failed", "delete", "triggerer", "at once")
    return {name: started(_world) for name in names}


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_by_an_unmodified_boto3_client_resumes_the_task(world: World, early: dict[str, Callback]) -> None:
    callback = early["api"]
    message = callback.message()
    assert sorted(message) == ["arguments", "pipelineExecutionArn", "status", "token"]
    assert message["arguments"] == {"number": 5, "nested": {"list": [5]}}
    assert message["status"] == "Executing"
    callback.run.wait_trigger("Ask")
    time.sleep(QUIET)

    assert callback.succeed(message["token"]) == message["pipelineExecutionArn"]
    callback.run.wait_task("Ask", "success", timeout=30)
    assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}
    assert callback.run.task("Ask")["try_number"] == 1
    assert callback.run.xcom("Approved")["Outcome"] is True
    assert callback.has_no_message(), "no Stopping for an answered callback"

    assert callback.succeed(message["token"]) == message["pipelineExecutionArn"], "the same answer again"
    with pytest.raises(callback.client.exceptions.ConflictException):
        callback.fail(message["token"], "no")
    with pytest.raises(AirflowApiError, match="409"):
        callback.respond("Failure", FailureReason="no")


def test_the_token_is_nowhere_in_airflow(world: World, early: dict[str, Callback]) -> None:
    callback = early["person"]
    message = callback.message()
    callback.run.wait_trigger("Ask")
    token = message["token"].encode()
    files = [path for path in world.airflow.home.rglob("*") if path.is_file() and not is_socket(path)]
    assert any(path.name == "airflow.db" for path in files)
    assert [path.name for path in files if token in path.read_bytes()] == []
    rendered = callback.run.task("Ask")["rendered_fields"]["request"]
    assert rendered["MessageBody"]["arguments"] == {"number": 5, "nested": {"list": [5]}}
    assert rendered["MessageBody"]["token"] == "***", "Airflow itself masks what has such a name"

    action = callback.action()
    assert action["options"] == ["Success", "Failure"]
    assert set(action["params"]) == {*OUTPUTS, "FailureReason"}
    callback.respond("Success", **OUTPUTS)
    assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}
    with pytest.raises(callback.client.exceptions.ConflictException):
        callback.succeed(message["token"], rows="13")
    callback.succeed(message["token"])


def is_socket(path: Path) -> bool:
    return path.is_socket() or path.is_fifo()


def test_an_answer_before_the_task_is_parked_is_not_lost(world: World) -> None:
    callback = started(world)
    callback.succeed(callback.message()["token"])
    assert callback.run.wait() == "success"
    assert callback.run.task("Ask")["try_number"] == 1
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}


def test_an_answer_in_the_moment_of_parking_does_not_resume_too_early(world: World) -> None:
    callback = started(world)
    token = callback.message()["token"]
    callback.run.wait_task("Ask", "deferred")
    callback.succeed(token)
    time.sleep(2)
    assert callback.run.task("Ask")["state"] == "deferred"
    assert callback.run.wait() == "success"
    assert callback.run.task("Ask")["try_number"] == 1


def test_a_failure_fails_the_step_with_its_reason(world: World) -> None:
    callback = started(world)
    callback.fail(callback.message()["token"], "the reviewer said no {{ braces }}")
    assert callback.run.wait() == "failed"
    log = callback.run.log("Ask")
    assert "StepFailedError" in log
    assert "the reviewer said no {{ braces }}" in log
    assert callback.run.task("Ask")["try_number"] == 1


def test_a_person_can_fail_the_step(world: World, early: dict[str, Callback]) -> None:
    callback = early["triggerer"]
    callback.message()
    callback.run.wait_trigger("Ask")
    world.airflow.stop_component("triggerer")
    time.sleep(3)
    assert callback.has_no_message(), "restarting the triggerer stops nothing"
    world.airflow.start_component("triggerer")
    wait_for(lambda: world.airflow.api.health()["triggerer"] == "healthy", 60, "the triggerer")
    callback.respond("Failure", FailureReason="not good enough")
    assert callback.run.wait() == "failed"
    assert "not good enough" in callback.run.log("Ask")


def test_outputs_that_the_step_does_not_declare_or_lacks_are_a_clear_error(world: World) -> None:
    callback = started(world)
    callback.succeed(callback.message()["token"], typo="1")
    assert callback.run.wait() == "failed"
    assert "typo" in callback.run.log("Ask")
    assert "the step declares" in callback.run.log("Ask")


def as_airflows_form_sends_it(action: dict[str, Any], **typed: Any) -> dict[str, Any]:
    """Every field with its value: what was typed, or what the form began with."""
    return {name: typed.get(name, field["value"]) for name, field in action["params"].items()}


@pytest.mark.parametrize(("dag_id", "state"), [("callback", "deferred"), ("callback_in_worker", "running")])
def test_an_answer_without_the_outputs_is_refused_and_the_action_stays_open(
    world: World, dag_id: str, state: str
) -> None:
    callback = started(world, dag_id)
    callback.message()
    callback.run.wait_task("Ask", state)
    action = callback.action()
    for form in ({}, as_airflows_form_sends_it(action), as_airflows_form_sends_it(action, rows="a dozen")):
        with pytest.raises(AirflowApiError, match=r"400.*The step still waits for an answer"):
            callback.respond("Success", **form)
    assert callback.action()["response_received"] is False
    assert callback.run.task("Ask")["state"] == state

    time.sleep(QUIET)
    callback.respond("Success", **as_airflows_form_sends_it(action, rows=12, auc=0.75, where="s3://bucket/key"))
    assert callback.run.wait() == "failed", "what the form showed is what it sent: not approved"
    assert callback.run.xcom("Ask") == {"OutputParameters": {**OUTPUTS, "approved": False}}
    assert callback.run.task("Ask")["try_number"] == 1


@contextmanager
def api_server_without_the_package(world: World, folder: Path) -> Iterator[None]:
    """Restart the API server so that it does not find the package: as if it had run since before the installation."""
    (folder / "sitecustomize.py").write_text(HIDE_THE_PACKAGE)
    environment = world.airflow._environment
    restart_api_server(world, {**environment, "PYTHONPATH": str(folder)})
    try:
        yield
    finally:
        restart_api_server(world, environment)


def restart_api_server(world: World, environment: dict[str, str]) -> None:
    world.airflow.stop_component("api-server")
    world.airflow._environment = environment
    world.airflow.start_component("api-server")

    def is_healthy() -> bool:
        try:
            return bool(world.airflow.api.health())
        except URLError:
            return False

    wait_for(is_healthy, 90, "the API server")


def test_an_api_server_without_the_package_loses_no_answer_of_a_person(world: World, tmp_path: Path) -> None:
    with api_server_without_the_package(world, tmp_path):
        callback = started(world)
        token = callback.message()["token"]
        callback.run.wait_trigger("Ask")
        endpoint = f"{world.airflow.api.base_url}/sm-pipelines/callback"
        assert f"API server does not serve {endpoint}: restart it" in callback.run.log("Ask")
        with pytest.raises(ClientError, match="405"):
            callback.succeed(token)

        time.sleep(QUIET)
        callback.respond("Success", approved=False)
        wait_for(lambda: not callback.action()["response_received"], 60, "the action to be open again")
        callback.run.wait_trigger("Ask")
        assert "The answer of admin does not count" in callback.run.log("Ask")

        time.sleep(QUIET)
        callback.respond("Success", **OUTPUTS)
        assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}
    with pytest.raises(callback.client.exceptions.ConflictException):
        callback.fail(token, "the first answer counts")


def test_of_two_simultaneous_answers_one_is_taken(world: World, early: dict[str, Callback]) -> None:
    callback = early["at once"]
    token = callback.message()["token"]
    callback.run.wait_trigger("Ask")
    conflict = callback.client.exceptions.ConflictException

    def answer(rows: int) -> str:
        try:
            callback.succeed(token, rows=str(rows))
        except Exception as error:
            return type(error).__name__
        return str(rows)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(answer, range(4)))
    assert results.count(conflict.__name__) == 3, results
    [taken] = [int(result) for result in results if result.isdigit()]
    assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask")["OutputParameters"]["rows"] == taken


def test_an_unknown_token_is_a_modelled_error(world: World) -> None:
    callback = started(world)
    callback.message()
    with pytest.raises(callback.client.exceptions.ResourceNotFound):
        callback.succeed("0123456789")
    callback.respond("Success", **OUTPUTS)


# -- ends without an answer --------------------------------------------------------------------------------------------


def test_clearing_kills_the_old_token_and_draws_a_new_one(world: World, early: dict[str, Callback]) -> None:
    callback = early["clear"]
    old = callback.message()
    callback.run.wait_trigger("Ask")
    callback.run.clear("Ask")
    stopping, new = callback.message(), callback.message()
    assert stopping == {**old, "status": "Stopping"}
    assert new["status"] == "Executing"
    assert new["token"] != old["token"]
    callback.run.wait_trigger("Ask")

    assert callback.succeed(old["token"], rows="99") == old["pipelineExecutionArn"], "late, but no error"
    time.sleep(3)
    assert callback.run.task("Ask")["state"] == "deferred"
    time.sleep(QUIET)
    callback.succeed(new["token"])
    assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}
    assert callback.has_no_message()


def test_marking_failed_sends_the_message_stopping(world: World, early: dict[str, Callback]) -> None:
    callback = early["mark failed"]
    message = callback.message()
    callback.run.wait_trigger("Ask")
    callback.run.mark("Ask", "failed")
    assert callback.message() == {**message, "status": "Stopping"}
    callback.succeed(message["token"])
    time.sleep(3)
    assert callback.run.task("Ask")["state"] == "failed"
    assert callback.run.state() == "failed"


def test_deleting_the_run_sends_the_message_stopping(world: World, early: dict[str, Callback]) -> None:
    callback = early["delete"]
    message = callback.message()
    callback.run.wait_trigger("Ask")
    world.airflow.api.request("PATCH", callback.run._path, {"state": "failed"})
    callback.run.delete()
    assert callback.message() == {**message, "status": "Stopping"}
    callback.succeed(message["token"])


def test_nobody_answers_within_execution_timeout(world: World) -> None:
    callback = started(world, "callback_limited")
    message = callback.message()
    assert callback.run.wait() == "failed"
    assert callback.message() == {**message, "status": "Stopping"}
    assert "StepTimeoutError" in callback.run.log("Ask")
    callback.succeed(message["token"])


# -- crashes -----------------------------------------------------------------------------------------------------------


def test_a_worker_killed_after_the_message_was_sent_sends_the_same_token_again(world: World) -> None:
    world.fault(service="sqs", operation="SendMessage", action="kill_client_after", times=1)
    callback = started(world)
    first, second = callback.message(), callback.message()
    assert second == first, "at least once, with one token"
    callback.succeed(first["token"])
    assert callback.run.wait() == "success"
    assert callback.run.task("Ask")["try_number"] == 2


def test_a_fifo_queue_holds_the_message_of_a_killed_worker_once(world: World) -> None:
    world.fault(service="sqs", operation="SendMessage", action="kill_client_after", times=1)
    callback = started(world, fifo=True)
    callback.run.wait_task("Ask", "up_for_retry")
    callback.run.wait_task("Ask", "deferred")
    message = callback.message()
    assert callback.has_no_message()
    callback.succeed(message["token"])
    assert callback.run.wait() == "success"


@pytest.mark.parametrize("by", ["token", "person"])
def test_an_answer_between_two_tries_is_not_lost(world: World, by: str) -> None:
    world.fault(service="sqs", operation="SendMessage", action="kill_client_after", times=1)
    callback = started(world)
    message = callback.message()
    callback.run.wait_task("Ask", "up_for_retry")
    if by == "token":
        callback.succeed(message["token"])
    else:
        callback.respond("Success", **OUTPUTS)
    assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}
    assert callback.has_no_message(), "the second try has nothing to ask"


def test_a_throttled_send_is_retried_with_the_same_token(world: World) -> None:
    error = {"code": "RequestThrottled", "message": "slow down", "http_status": 400}
    world.fault(service="sqs", operation="SendMessage", action="error", times=6, **error)
    callback = started(world)
    message = callback.message(90)
    assert callback.run.task("Ask")["try_number"] > 1
    assert "Step.THROTTLING" in callback.run.log("Ask")
    callback.succeed(message["token"])
    assert callback.run.wait() == "success"


# -- in the worker -----------------------------------------------------------------------------------------------------


def test_without_deferral_the_worker_waits_for_a_person_too(world: World) -> None:
    callback = started(world, "callback_in_worker")
    callback.message()
    time.sleep(3)
    assert callback.run.task("Ask")["state"] == "running"
    callback.respond("Success", **OUTPUTS)
    assert callback.run.wait() == "success"
    assert callback.run.xcom("Ask") == {"OutputParameters": OUTPUTS}


def test_without_deferral_on_kill_sends_the_message_stopping(world: World) -> None:
    callback = started(world, "callback_in_worker")
    message = callback.message()
    callback.run.mark("Ask", "failed")
    assert callback.message() == {**message, "status": "Stopping"}
    callback.succeed(message["token"])


# -- the shipped handler -----------------------------------------------------------------------------------------------


def test_the_shipped_handler_answers_the_shipped_definition(world: World) -> None:
    callback = started(world, "callback_handler")
    command = [
        sys.executable,
        str(HANDLER),
        callback.queue_url,
        f"{world.airflow.api.base_url}/sm-pipelines/callback",
    ]
    with subprocess.Popen(command, env={**os.environ, **world.aws.environment()}) as handler:
        try:
            assert callback.run.wait() == "success"
        finally:
            handler.kill()
    assert callback.run.xcom("Measure") == {"OutputParameters": {"rows": 4, "mean": 3.0}}
