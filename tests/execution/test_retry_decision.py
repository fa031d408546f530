"""The decision about a failed try, in the task's log."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_sm_pipelines.errors import PipelineFailStepError, StepError, StepFailedError
from airflow_sm_pipelines.execution.retry_decision import ToldRetryPolicy
from airflow_sm_pipelines.semantics.retry import RetryRule

CAPACITY = "SageMaker.CAPACITY_ERROR"
BUSY = StepFailedError("Train", "no machine is free", exception_type=CAPACITY)


class Lines(list[tuple[str, str]]):
    """A log that keeps its lines with their levels."""

    def info(self, message: str, *arguments: object) -> None:
        self.append(("info", message % arguments))

    def warning(self, message: str, *arguments: object) -> None:
        self.append(("warning", message % arguments))

    def error(self, message: str, *arguments: object) -> None:
        self.append(("error", message % arguments))


@pytest.fixture
def policy() -> ToldRetryPolicy:
    rule = RetryRule(exception_types=(CAPACITY,), interval=30.0, backoff_rate=1.0, max_attempts=2, expire_after=None)
    return ToldRetryPolicy((rule,), 0)


def told(policy: ToldRetryPolicy, error: StepError, context: Any) -> tuple[str, str]:
    policy.tell(error, context, lines := Lines())
    [line] = lines
    return line


def test_the_log_says_that_another_try_follows_and_when(policy: ToldRetryPolicy, context: Any) -> None:
    level, line = told(policy, BUSY, context)

    assert (level, line) == (
        "warning",
        f"Another try follows: retry 1 of 2 in 30 s: {CAPACITY}, policy 1",
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StepFailedError("Train", "AlgorithmError"), "no retry policy matches this failure"),
        (PipelineFailStepError("Stop", "too bad"), "the pipeline has reached a Fail step"),
    ],
)
def test_the_log_says_why_no_other_try_follows(
    policy: ToldRetryPolicy, context: Any, error: StepError, reason: str
) -> None:
    assert told(policy, error, context) == ("error", f"No retry: {reason}")


def test_the_log_says_that_airflows_own_retries_are_used_up(policy: ToldRetryPolicy, context: Any, ti: Any) -> None:
    ti.try_number = ti.max_tries + 1

    assert told(policy, BUSY, context) == ("error", f"No retry: the task's {ti.max_tries} retries are used up")


def test_airflow_gets_the_decision_that_was_told_and_it_counts_once(
    policy: ToldRetryPolicy, context: Any, ti: Any
) -> None:
    for _ in range(2):  # as many as the policy grants
        error = StepFailedError("Train", "no machine is free", exception_type=CAPACITY)
        policy.tell(error, context, Lines())
        decision = policy.evaluate(error, ti.try_number, ti.max_tries, context)
        assert decision.action is RetryAction.RETRY

    assert policy.evaluate(BUSY, ti.try_number, ti.max_tries, context).action is RetryAction.FAIL


def test_an_error_of_which_nothing_was_told_is_decided_when_airflow_asks(
    policy: ToldRetryPolicy, context: Any, ti: Any
) -> None:
    policy.tell(BUSY, context, Lines())

    decision = policy.evaluate(ValueError("a fault of ours"), ti.try_number, ti.max_tries, context)

    assert decision.reason == "no retry policy matches this failure"


def test_an_airflow_that_does_not_answer_hides_no_failure(policy: ToldRetryPolicy, context: Any) -> None:
    class Away:
        def get(self, key: str) -> None:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))

    context["task_state_store"] = Away()
    policy.tell(BUSY, context, lines := Lines())

    assert lines == []
