"""One invocation of a function: what later tries know of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_sm_pipelines.aws.lambda_function import FunctionAnswer, LostAnswerError
from airflow_sm_pipelines.errors import (
    CallRefusedError,
    CallUnansweredError,
    StepFailedError,
    StepOutcomeUnknownError,
)
from airflow_sm_pipelines.execution.identity import identify
from airflow_sm_pipelines.execution.invocation import Invocation
from airflow_sm_pipelines.execution.records import RECORD_KEY, InvocationAttempt
from airflow_sm_pipelines.execution.retry_policy import OnUnknown

DECLARED = [{"OutputName": "count", "OutputType": "Integer"}]
GOOD = FunctionAnswer('{"count": 3}', "", ("START", "counting", "END"))
LOST = LostAnswerError(CallUnansweredError("Invoke", "ReadTimeoutError", "timed out", "Step.SERVICE_FAULT"))


class Worker:
    """Tries of one task, each with what the function does then; ``None`` kills the worker during the call."""

    def __init__(self, context: dict[str, Any], on_unknown: str) -> None:
        self.context = context
        self.on_unknown = OnUnknown(on_unknown)
        self.contexts: list[dict[str, str]] = []

    def try_once(self, does: FunctionAnswer | Exception | None, declared: Any = DECLARED) -> dict[str, Any]:
        def invoke(custom: Any) -> FunctionAnswer:
            self.contexts.append(dict(custom))
            if does is None:
                raise KeyboardInterrupt
            if isinstance(does, Exception):
                raise does
            return does

        invocation = Invocation(
            identity=identify("Step", self.context),
            function="f",
            context=self.context,
            on_unknown=self.on_unknown,
            log=logging.getLogger("invocation"),
        )
        self.context["ti"].try_number += 1
        return invocation.run(declared, invoke)

    def die(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            self.try_once(None)

    def clear(self) -> None:
        self.context["ti"].max_tries += 4

    @property
    def record(self) -> InvocationAttempt:
        return InvocationAttempt(**self.context["task_state_store"].get(RECORD_KEY))


@pytest.fixture(params=["retry", "fail"])
def either(request: pytest.FixtureRequest, context: dict[str, Any]) -> Worker:
    return Worker(context, request.param)


@pytest.fixture
def retrying(context: dict[str, Any]) -> Worker:
    return Worker(context, "retry")


@pytest.fixture
def failing(context: dict[str, Any]) -> Worker:
    return Worker(context, "fail")


def test_the_outputs_are_typed(either: Worker) -> None:
    assert either.try_once(FunctionAnswer('{"count": "3", "more": []}', "", ())) == {"count": 3}


def test_without_declared_outputs_it_does_not_matter_what_is_returned(either: Worker) -> None:
    for payload in ("null", "[1]", "no json", ""):
        assert either.try_once(FunctionAnswer(payload, "", ()), declared=[]) == {}
        either.clear()


def test_the_record_of_a_step_that_was_a_callback_is_no_invocation(failing: Worker) -> None:
    failing.context["task_state_store"].set(RECORD_KEY, {"epoch": "3/3", "token": "t", "failures": 0, "queue": "q"})

    assert failing.try_once(GOOD) == {"count": 3}


def test_the_log_of_the_function_is_in_that_of_the_task(either: Worker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        either.try_once(GOOD)

    assert [message.strip() for message in caplog.messages] == ["Invoking f", "START", "counting", "END"]


def test_the_record_is_written_before_the_call(either: Worker) -> None:
    either.die()

    assert not either.record.closed
    assert either.record.submitted_at


def test_a_handler_can_tell_a_repeated_invocation(retrying: Worker) -> None:
    retrying.die()
    retrying.try_once(GOOD)

    first, second = retrying.contexts
    assert set(first) == {"executionId", "step", "token", "try"}
    assert (first.pop("try"), second.pop("try")) == ("1", "2")
    assert first == second


def test_retry_invokes_again_after_a_crash(retrying: Worker, caplog: pytest.LogCaptureFixture) -> None:
    retrying.die()

    assert retrying.try_once(GOOD) == {"count": 3}
    assert "began to invoke f" in caplog.text
    assert "invoking it again" in caplog.text


def test_fail_does_not_invoke_again_after_a_crash(failing: Worker) -> None:
    failing.die()

    for _ in range(2):
        with pytest.raises(StepOutcomeUnknownError, match=r"began to invoke f at 20.* clear the task"):
            failing.try_once(GOOD)
    assert len(failing.contexts) == 1


def test_a_lost_answer_is_a_service_fault_that_policies_retry(retrying: Worker) -> None:
    with pytest.raises(StepFailedError, match="AWS did not answer Invoke: ReadTimeoutError") as caught:
        retrying.try_once(LOST)

    assert caught.value.exception_type == "Step.SERVICE_FAULT"
    assert retrying.try_once(GOOD) == {"count": 3}


def test_a_lost_answer_fails_for_good_where_nothing_may_run_twice(failing: Worker) -> None:
    with pytest.raises(StepOutcomeUnknownError, match="AWS did not answer Invoke: ReadTimeoutError"):
        failing.try_once(LOST)
    with pytest.raises(StepOutcomeUnknownError):
        failing.try_once(GOOD)
    assert len(failing.contexts) == 1


def test_a_refused_call_may_be_repeated(either: Worker) -> None:
    with pytest.raises(StepFailedError, match="AWS refused Invoke: TooManyRequestsException") as caught:
        either.try_once(CallRefusedError("Invoke", "TooManyRequestsException", "Rate exceeded", "Step.THROTTLING"))

    assert caught.value.exception_type == "Step.THROTTLING"
    assert either.try_once(GOOD) == {"count": 3}


def test_a_failed_function_may_be_invoked_again(either: Worker) -> None:
    """A retry that the user asked for: that the function failed is known."""
    error = FunctionAnswer(
        '{"errorType": "ValueError", "errorMessage": "bad"}', "Unhandled", ("START", "[ERROR] ValueError")
    )
    with pytest.raises(StepFailedError) as caught:
        either.try_once(error)

    assert str(caught.value) == (
        "Step Step: the function f failed: ValueError: bad\nlast lines of its log:\n    START\n    [ERROR] ValueError"
    )
    assert caught.value.exception_type is None
    assert either.try_once(GOOD) == {"count": 3}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ('{"other": 1}', "the declared output 'count' was not returned"),
        ('{"count": "many"}', "declared as Integer"),
        ("[1]", "must return an object .* but returned a list of 1"),
        ("", "must return an object .* but returned null"),
        ("no json", "did not return JSON"),
    ],
)
def test_an_answer_without_the_declared_outputs_fails_the_step(either: Worker, payload: str, message: str) -> None:
    with pytest.raises(StepFailedError, match=message):
        either.try_once(FunctionAnswer(payload, "", ()))

    assert either.record.closed


def test_an_answer_that_was_written_down_is_not_asked_for_again(either: Worker) -> None:
    """The worker died between the answer and the end of its task."""
    either.try_once(GOOD)

    assert either.try_once(None) == {"count": 3}
    assert len(either.contexts) == 1


def test_a_cleared_task_invokes_again(either: Worker) -> None:
    either.try_once(GOOD)
    either.clear()

    assert either.try_once(FunctionAnswer('{"count": 4}', "", ())) == {"count": 4}
    first, second = either.contexts
    assert first["token"] != second["token"]


def test_a_clear_after_a_crash_invokes_again_and_says_what_may_still_run(
    either: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    either.die()
    either.clear()

    assert either.try_once(GOOD) == {"count": 3}
    assert "it may still run, Lambda cannot stop it" in caplog.text


def test_policies_expire_counted_from_the_first_try(either: Worker) -> None:
    with pytest.raises(StepFailedError):
        either.try_once(CallRefusedError("Invoke", "ThrottlingException", "", "Step.THROTTLING"))
    opened = either.record.opened_at
    either.try_once(GOOD)

    assert either.record.opened_at == opened
    assert either.record.failures == 1
