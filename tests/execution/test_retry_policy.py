"""SageMaker's retry policies as Airflow's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import (
    AirflowRuntimeError,
    AirflowTaskTimeout,
    ErrorType,
    TaskDeferralError,
    TaskDeferralTimeout,
)
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_sm_pipelines.errors import (
    PipelineFailStepError,
    RequestError,
    StepFailedError,
    StepInterruptedError,
    StepOutcomeUnknownError,
    StepTimeoutError,
)
from airflow_sm_pipelines.execution.records import COUNTS_KEY, RECORD_KEY
from airflow_sm_pipelines.execution.retry_policy import StepRetryPolicy
from airflow_sm_pipelines.semantics.retry import RetryRule

CAPACITY = "SageMaker.CAPACITY_ERROR"
THROTTLING = "Step.THROTTLING"
MAX_TRIES = 3
RULES = (
    RetryRule(frozenset({CAPACITY}), interval=10.0, backoff_rate=2.0, max_attempts=2),
    RetryRule(frozenset({THROTTLING}), interval=1.0, backoff_rate=2.0, max_attempts=None, expire_after=60.0),
)


def failed(exception_type: str | None) -> StepFailedError:
    return StepFailedError("Step", "the processing job ended Failed", exception_type=exception_type)


@pytest.fixture
def decide(context: Any) -> Any:
    """Airflow's question after a failed try."""

    def ask(
        exception: BaseException, *, unmatched: int = 0, max_tries: int = MAX_TRIES, rules: Any = RULES
    ) -> tuple[Any, float | None]:
        decision = StepRetryPolicy(rules, unmatched).evaluate(exception, 1, max_tries, context)
        assert decision.reason
        return decision.action, decision.retry_delay.total_seconds() if decision.retry_delay is not None else None

    return ask


@pytest.fixture
def opened(context: Any) -> Any:
    """Write down that the epoch's first attempt was opened some seconds ago."""

    def write(seconds_ago: float, epoch: str = f"{MAX_TRIES}/3") -> None:
        opened_at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        context["task_state_store"].set(RECORD_KEY, {"epoch": epoch, "opened_at": opened_at.isoformat()})

    return write


def test_delays_are_exact_and_counted_in_the_state_store(decide: Any) -> None:
    answers = [decide(failed(CAPACITY)) for _ in range(3)]

    assert answers == [(RetryAction.RETRY, 10.0), (RetryAction.RETRY, 20.0), (RetryAction.FAIL, None)]


def test_each_policy_has_its_own_count(decide: Any) -> None:
    answers = [decide(failed(kind))[1] for kind in (CAPACITY, THROTTLING, CAPACITY, THROTTLING)]

    assert answers == [10.0, 1.0, 20.0, 2.0]


def test_a_clear_starts_the_counts_anew(decide: Any) -> None:
    for _ in range(3):
        decide(failed(CAPACITY))

    assert decide(failed(CAPACITY), max_tries=MAX_TRIES + 4) == (RetryAction.RETRY, 10.0)


def test_an_edited_number_of_retries_starts_the_counts_anew(decide: Any, ti: Any) -> None:
    for _ in range(3):
        decide(failed(CAPACITY))
    ti.task = SimpleNamespace(retries=4)

    assert decide(failed(CAPACITY)) == (RetryAction.RETRY, 10.0)


def test_an_edited_list_of_policies_starts_the_counts_anew(decide: Any) -> None:
    for _ in range(3):
        decide(failed(CAPACITY))

    assert decide(failed(CAPACITY), rules=RULES[:1]) == (RetryAction.RETRY, 10.0)


def test_a_policy_expires_counted_from_the_first_attempt(decide: Any, opened: Any) -> None:
    opened(55)
    assert decide(failed(THROTTLING))[0] is RetryAction.RETRY
    opened(65)
    assert decide(failed(THROTTLING))[0] is RetryAction.FAIL


def test_the_attempts_before_a_clear_do_not_count(decide: Any, opened: Any) -> None:
    opened(10_000, epoch="9/9")

    assert decide(failed(THROTTLING))[0] is RetryAction.RETRY


def test_a_failure_before_the_first_attempt_has_no_age(decide: Any) -> None:
    assert decide(failed(THROTTLING)) == (RetryAction.RETRY, 1.0)


@pytest.mark.parametrize(
    "exception",
    [
        failed(None),
        failed("SageMaker.RESOURCE_LIMIT"),
        RequestError("Step", "the resolved request does not fit"),
        StepTimeoutError("Step", "took longer than execution_timeout"),
        TaskDeferralTimeout("timeout"),
        AirflowTaskTimeout("timeout"),
        ValueError("anything"),
    ],
)
def test_what_no_policy_matches_is_retried_as_often_as_the_user_said(decide: Any, exception: BaseException) -> None:
    assert decide(exception) == (RetryAction.FAIL, None)

    answers = [decide(exception, unmatched=2) for _ in range(3)]

    # Without a delay of its own: Airflow's retry_delay counts.
    assert answers == [(RetryAction.RETRY, None), (RetryAction.RETRY, None), (RetryAction.FAIL, None)]


def test_a_used_up_policy_still_leaves_the_users_own_retries(decide: Any) -> None:
    answers = [decide(failed(CAPACITY), unmatched=1) for _ in range(4)]

    assert answers == [
        (RetryAction.RETRY, 10.0),
        (RetryAction.RETRY, 20.0),
        (RetryAction.RETRY, None),
        (RetryAction.FAIL, None),
    ]


@pytest.mark.parametrize("exception", [StepInterruptedError("Step", "the worker ends"), TaskDeferralError("crashed")])
def test_a_job_that_goes_on_is_found_again_and_uses_no_policy_up(decide: Any, exception: Exception) -> None:
    assert [decide(exception) for _ in range(5)] == [(RetryAction.RETRY, None)] * 5
    assert decide(failed(CAPACITY)) == (RetryAction.RETRY, 10.0)


def test_a_fail_step_is_never_retried(decide: Any) -> None:
    assert decide(PipelineFailStepError("Stop", "too bad"), unmatched=9) == (RetryAction.FAIL, None)


def test_work_that_may_have_been_done_is_never_repeated(decide: Any) -> None:
    assert decide(StepOutcomeUnknownError("Call", "lost"), unmatched=9) == (RetryAction.FAIL, None)


def test_the_reason_tells_the_number_the_delay_the_type_and_the_policy(context: Any) -> None:
    policy = StepRetryPolicy(RULES, 1)

    def reason(exception_type: str | None) -> str | None:
        return policy.evaluate(failed(exception_type), 1, MAX_TRIES, context).reason

    assert reason(CAPACITY) == "retry 1 of 2 in 10 s: SageMaker.CAPACITY_ERROR, policy 1"
    assert reason(THROTTLING) == "retry 1 in 1 s: Step.THROTTLING, policy 2"
    assert reason(None) == "retry 1 of 1 that the task's own `retries` allow"
    assert reason(None) == "no retry policy matches this failure"
    assert reason("SageMaker.RESOURCE_LIMIT") == "no retry policy grants another retry for SageMaker.RESOURCE_LIMIT"


# -- what Airflow fails at ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ErrorType.API_SERVER_ERROR, ErrorType.PERMISSION_DENIED, ErrorType.GENERIC_ERROR])
def test_a_failure_of_airflows_own_uses_up_a_spare_retry_and_no_policy_counts_it(
    decide: Any, context: Any, error: ErrorType
) -> None:
    context["task_state_store"] = None  # the store is just as far away

    action, delay = decide(AirflowRuntimeError(ErrorResponse(error=error, detail={"status_code": None})))

    assert (action, delay) == (RetryAction.RETRY, None)


def test_a_grant_names_the_attempt_that_it_follows(decide: Any, context: Any) -> None:
    epoch = f"{MAX_TRIES}/3"
    context["task_state_store"].set(RECORD_KEY, {"epoch": epoch, "name": "job-2", "failures": 2, "closed": True})

    assert decide(failed(CAPACITY))[0] is RetryAction.RETRY
    assert context["task_state_store"].get(COUNTS_KEY)["after"] == 2
    assert decide(failed(None), unmatched=1)[0] is RetryAction.RETRY
    assert context["task_state_store"].get(COUNTS_KEY)["after"] == 2


def test_a_failure_without_a_retry_grants_nothing(decide: Any, context: Any) -> None:
    assert decide(failed(None))[0] is RetryAction.FAIL
    assert context["task_state_store"].get(COUNTS_KEY) is None
