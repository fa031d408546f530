"""The Lambda step."""

from __future__ import annotations

import base64
import io
import json
import logging
import signal
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.errors import (
    CallRefusedError,
    RequestError,
    StepError,
    StepFailedError,
    StepInterruptedError,
    StepOutcomeUnknownError,
    StepTimeoutError,
    UndefinedReferenceError,
)
from airflow_sm_pipelines.execution import step_run
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.operators import step_course
from airflow_sm_pipelines.semantics.without_effect import WithoutEffect

NAME = [{"Name": "Function", "Type": "String", "DefaultValue": "f"}]


class FakeLambda:
    """Answers each call as a handler does; a handler may wait."""

    def __init__(self) -> None:
        self.meta = SimpleNamespace(region_name="eu-west-1")
        self.requests: list[dict[str, Any]] = []
        self.release = threading.Event()
        self.release.set()

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        self.release.wait(60)
        return {"Payload": io.BytesIO(b'{"ok": "true", "n": 1}'), "LogResult": base64.b64encode(b"END").decode()}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeLambda:
    fake = FakeLambda()
    monkeypatch.setattr(AwsConnection, "client", lambda _, service: {"lambda": fake}[service])
    return fake


def step(**members: Any) -> dict[str, Any]:
    outputs = [{"OutputName": "ok", "OutputType": "Boolean"}]
    return {"Name": "Call", "Type": "Lambda", "FunctionArn": "f", "OutputParameters": outputs, **members}


def test_it_publishes_the_declared_outputs(make_tasks: Any, context: Any, client: FakeLambda) -> None:
    task = make_tasks(step(Arguments={"a": 1}))["Call"]

    assert task.execute(context) == {"OutputParameters": {"ok": True}}
    assert task.request == {"FunctionName": "f", "Payload": {"a": 1}}


@pytest.mark.parametrize("arguments", [{}, {"Arguments": {}}, {"Arguments": None}])
def test_absent_arguments_are_an_empty_event(
    make_tasks: Any, context: Any, client: FakeLambda, arguments: dict[str, Any]
) -> None:
    make_tasks(step(**arguments))["Call"].execute(context)

    assert json.loads(client.requests[0]["Payload"]) == {}


def test_the_event_keeps_nulls_types_and_what_only_looks_like_a_join(
    make_tasks: Any, context: Any, client: FakeLambda
) -> None:
    event = {"null": None, "n": [1, 0.5, {"deep": {"Get": "Parameters.Function"}}], "j": {"On": "-", "Values": ["a"]}}
    context["params"] = {"Function": "g"}

    make_tasks(step(Arguments=event), parameters=NAME)["Call"].execute(context)

    assert json.loads(client.requests[0]["Payload"]) == {**event, "n": [1, 0.5, {"deep": "g"}]}


def test_the_function_may_be_an_expression(make_tasks: Any, context: Any, client: FakeLambda) -> None:
    context["params"] = {"Function": "arn:aws:lambda:eu-west-1:123456789012:function:g"}

    make_tasks(step(FunctionArn={"Get": "Parameters.Function"}), parameters=NAME)["Call"].execute(context)

    assert client.requests[0]["FunctionName"] == "arn:aws:lambda:eu-west-1:123456789012:function:g"


def test_a_function_of_another_region_is_refused_before_it_is_invoked(
    make_tasks: Any, context: Any, client: FakeLambda
) -> None:
    """Developer guide, "Lambda step": it must be in the region of the pipeline."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:g:prod"

    with pytest.raises(RequestError, match=r"^Step Call: FunctionArn: the function is in us-east-1, but .* eu-west-1"):
        make_tasks(step(FunctionArn=arn))["Call"].execute(context)
    assert client.requests == []


@pytest.mark.parametrize("function", ["g", "g:prod", "123456789012:function:g"])
def test_a_function_without_a_region_is_one_of_the_connections(
    make_tasks: Any, context: Any, client: FakeLambda, function: str
) -> None:
    make_tasks(step(FunctionArn=function))["Call"].execute(context)

    assert client.requests[0]["FunctionName"] == function


def test_a_rehearsal_invokes_functions_of_every_region(make_tasks: Any, context: Any, client: FakeLambda) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:g"

    with step_run.limits_left_to_aws():
        make_tasks(step(FunctionArn=arn))["Call"].execute(context)

    assert client.requests[0]["FunctionName"] == arn


def test_the_log_says_what_has_no_effect(
    make_tasks: Any,
    context: Any,
    client: FakeLambda,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [WithoutEffect("Steps[0].Member", "it does nothing", "remove it")]
    monkeypatch.setattr(step_course, "without_effect_in_task", lambda *_: told)
    task = make_tasks(step())["Call"]
    monkeypatch.setattr(type(task), "log", logging.getLogger("lambda"))

    task.execute(context)

    assert "Steps[0].Member: it does nothing (remove it)" in caplog.text


def test_a_connection_that_cannot_be_used_is_told_as_such(
    make_tasks: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = CallRefusedError("AssumeRole", "Throttling", "slow", "Step.THROTTLING")

    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(AwsConnection, "client", refuse)

    with pytest.raises(StepFailedError, match=r"^Step Call: AWS refused AssumeRole: Throttling: slow$") as caught:
        make_tasks(step())["Call"].execute(context)
    assert caught.value.exception_type == "Step.THROTTLING"


def test_a_reference_to_nothing_names_its_place(make_tasks: Any, context: Any, client: FakeLambda) -> None:
    for members, place in (
        ({"FunctionArn": {"Get": "Parameters.Function"}}, "FunctionArn"),
        ({"Arguments": {"x": {"Get": "Parameters.Function"}}}, "Arguments"),
    ):
        with pytest.raises(UndefinedReferenceError, match=f"^Step Call: {place}: .*no such parameter"):
            make_tasks(step(**members), parameters=NAME)["Call"].execute(context)
    assert client.requests == []


def test_an_empty_function_name_is_refused(make_tasks: Any, context: Any, client: FakeLambda) -> None:
    context["params"] = {"Function": ""}

    with pytest.raises(StepError, match="FunctionArn: must be the name or ARN of a function, but is ''"):
        make_tasks(step(FunctionArn={"Get": "Parameters.Function"}), parameters=NAME)["Call"].execute(context)


def test_on_unknown_is_set_by_overrides_by_name_or_type(make_tasks: Any) -> None:
    both = (step(), {**step(), "Name": "Other"})
    overrides = {"Lambda": {"on_unknown": "fail"}, "Other": {"on_unknown": "retry"}}

    tasks = make_tasks(*both, overrides=overrides)

    assert (tasks["Call"].on_unknown, tasks["Other"].on_unknown) == ("fail", "retry")
    assert make_tasks(step())["Call"].on_unknown == "retry"


def test_fail_is_never_retried(make_tasks: Any, context: Any) -> None:
    task = make_tasks(step(), overrides={"Call": {"on_unknown": "fail", "retries": 5}})["Call"]

    decision = task.retry_policy.evaluate(StepOutcomeUnknownError("Call", "lost"), 1, 8, context)

    assert decision.action is RetryAction.FAIL


def test_a_lost_answer_is_retried_by_default(make_tasks: Any, context: Any) -> None:
    task = make_tasks(step())["Call"]
    error = StepFailedError("Call", "lost", exception_type="Step.SERVICE_FAULT")

    assert task.retry_policy.evaluate(error, 1, 8, context).action is RetryAction.RETRY


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ("failed", StepError, r"its task was ended \(failed\)\. Lambda cannot stop a function"),
        ("running", StepInterruptedError, r"the worker was told to end\. Lambda cannot stop a function"),
    ],
)
def test_a_kill_ends_the_task_at_once_and_says_that_the_function_goes_on(
    make_tasks: Any,
    context: Any,
    client: FakeLambda,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr(step_run, "task_state", lambda *_: state)
    client.release.clear()
    task = make_tasks(step())["Call"]
    # As Airflow does it: on_kill() in a signal handler, between two instructions of the waiting thread.
    before = signal.signal(signal.SIGALRM, lambda *_: task.on_kill())
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    began = time.monotonic()
    try:
        with pytest.raises(error, match=message):
            task.execute(context)
    finally:
        signal.signal(signal.SIGALRM, before)
        client.release.set()

    assert time.monotonic() - began < 5
    assert len(client.requests) == 1


def test_a_task_that_was_killed_before_the_call_does_not_invoke(
    make_tasks: Any, context: Any, client: FakeLambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    task = make_tasks(step())["Call"]
    found = AwsConnection.client

    def killed_meanwhile(self: AwsConnection, service: str) -> Any:
        task.on_kill()
        return found(self, service)

    monkeypatch.setattr(AwsConnection, "client", killed_meanwhile)

    with pytest.raises(StepError, match=r"its task was ended \(failed\)\. The function was not invoked"):
        task.execute(context)
    assert client.requests == []


def test_a_timeout_says_that_the_function_goes_on(
    make_tasks: Any, context: Any, client: FakeLambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_out(*_: Any) -> None:
        raise AirflowTaskTimeout("Timeout")

    client.release.clear()
    task = make_tasks(step())["Call"]
    before = signal.signal(signal.SIGALRM, time_out)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(StepTimeoutError, match=r"longer than execution_timeout .*Lambda cannot stop a function"):
            task.execute(context)
    finally:
        signal.signal(signal.SIGALRM, before)
        client.release.set()


def test_a_kill_without_a_call_does_nothing(make_tasks: Any) -> None:
    make_tasks(step())["Call"].on_kill()


# -- the cache: only when CacheConfig asks for it ----------------------------------------------------------------------

CACHED = {"Enabled": True, "ExpireAfter": "1d"}


def told_of_cache(context: Any) -> Any:
    """What the task has published of its cache."""
    [told] = [json.loads(text) for (_, key), text in context["ti"].xcoms.items() if key == "sm_pipelines_cache"]
    return told


def test_a_function_is_not_invoked_again_if_its_step_is_cached(
    make_tasks: Any, new_context: Any, client: FakeLambda, variables: dict[str, str]
) -> None:
    first, second = (make_tasks(step(Arguments={"a": 1}, CacheConfig=CACHED))["Call"] for _ in range(2))

    contexts = [new_context("first"), new_context("second")]
    answers = [task.execute(context) for task, context in zip((first, second), contexts, strict=True)]

    assert answers == [{"OutputParameters": {"ok": True}}] * 2
    assert len(client.requests) == 1
    assert [told_of_cache(context)["outcome"] for context in contexts] == ["miss", "hit"]
    assert told_of_cache(contexts[1])["run_id"] == "first"


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"Arguments": {"a": 2}}, "Arguments"),
        ({"FunctionArn": "g"}, "FunctionArn"),
        ({"OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}]}, "OutputParameters"),
    ],
)
def test_a_function_is_invoked_again_for_another_message(
    make_tasks: Any,
    new_context: Any,
    client: FakeLambda,
    variables: dict[str, str],
    changed: dict[str, Any],
    name: str,
) -> None:
    make_tasks(step(Arguments={"a": 1}, CacheConfig=CACHED))["Call"].execute(new_context("first"))
    context = new_context("second")
    make_tasks(step(**{"Arguments": {"a": 1}, "CacheConfig": CACHED, **changed}))["Call"].execute(context)

    assert len(client.requests) == 2
    assert told_of_cache(context) == {"outcome": "miss", "because": f"{name} has changed since run first"}


def test_an_answer_of_an_earlier_try_comes_before_the_cache(
    make_tasks: Any, new_context: Any, client: FakeLambda, variables: dict[str, str]
) -> None:
    make_tasks(step(CacheConfig=CACHED))["Call"].execute(new_context("first"))
    context, task = new_context("second", sm_cache="refresh"), make_tasks(step(CacheConfig=CACHED))["Call"]
    task.execute(context)
    assert len(client.requests) == 2

    context["params"] = {}
    task.execute(context)
    assert told_of_cache(context)["outcome"] == "miss", "the try has its own answer"
    assert len(client.requests) == 2


def test_an_invocation_whose_answer_is_not_known_is_repeated_and_not_replaced_by_a_hit(
    make_tasks: Any, new_context: Any, client: FakeLambda, variables: dict[str, str]
) -> None:
    """It may have changed something: on_unknown decides about it, not the cache."""
    make_tasks(step(CacheConfig=CACHED))["Call"].execute(new_context("first"))
    context, task = new_context("second"), make_tasks(step(CacheConfig=CACHED))["Call"]
    begun = {"type": "invocation", "epoch": "3/3", "token": "t", "name": "n", "submitted_at": "2026-01-02T00:00:00Z"}
    context["task_state_store"].set("sm_pipelines_attempt", begun)

    task.execute(context)

    assert len(client.requests) == 2
    assert not [key for _, key in context["ti"].xcoms if key == "sm_pipelines_cache"]


def test_a_function_whose_step_is_not_cached_is_always_invoked(
    make_tasks: Any, new_context: Any, client: FakeLambda, variables: dict[str, str]
) -> None:
    for run in ("first", "second"):
        make_tasks(step())["Call"].execute(new_context(run))
    assert len(client.requests) == 2
    assert variables == {}


@pytest.fixture
def new_context() -> Any:
    """Make the context of a task in a DAG run of its own."""
    from datetime import UTC, datetime

    from tests.conftest import FakeStore, FakeTaskInstance

    def make(run_id: str, **params: Any) -> dict[str, Any]:
        start = datetime(2026, 1, 2, tzinfo=UTC)
        return {
            "ti": FakeTaskInstance(task_id="Call", run_id=run_id),
            "dag_run": SimpleNamespace(run_after=start, start_date=start, clear_number=0),
            "params": params,
            "task_state_store": FakeStore(),
        }

    return make
