"""SageMaker's retry policies as Airflow's; evaluated in the worker when a try has failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError, TaskDeferralError

from airflow_sm_pipelines.errors import PipelineFailStepError, StepInterruptedError, StepOutcomeUnknownError
from airflow_sm_pipelines.execution.airflow_internals.authoring import RetryDecision, RetryPolicy
from airflow_sm_pipelines.semantics.retry import RetryRule, next_retry

if TYPE_CHECKING:
    from airflow.sdk import Context

SPARE_RETRIES = 3
"""Retries beyond what the policies can grant: a worker that dies uses one up, and the next try finds the job."""

SPARE_DELAYS: Mapping[str, Any] = {
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=2),
}
"""Airflow's own retry arguments, which time the spare retries. A try that finds the API server away is lost within
10 s; with these delays the spare retries last for three minutes."""


_NEVER_RETRIED = {
    PipelineFailStepError: "the pipeline has reached a Fail step",
    StepOutcomeUnknownError: "it is unknown whether the work was done, and it must not be done twice",
}
"""Why these errors are not retried, whatever the policies say."""

_OF_AIRFLOW = {
    (StepInterruptedError, TaskDeferralError): "the worker or triggerer stopped",
    (AirflowRuntimeError,): "Airflow's API server did not do what the task asked of it",
}
"""What these errors say about Airflow, not about the step: they use up spare retries, and no policy counts them."""


class OnUnknown(StrEnum):
    """What a Lambda step does about an invocation whose answer it does not know.

    Attributes:
        RETRY: Invoke again: the function runs at least once.
        FAIL: Fail until a human clears the task: it runs at most once.
    """

    RETRY = "retry"
    FAIL = "fail"


class StepRetryPolicy(RetryPolicy):
    """Decides by SageMaker's exception types; Airflow's own ``retries`` bound it.

    Args:
        rules: The step's rules in order.
        unmatched_retries: How often a failure that no rule matches is retried: the ``retries`` that the user set.
    """

    def __init__(self, rules: Sequence[RetryRule], unmatched_retries: int) -> None:
        self.rules = tuple(rules)
        self.unmatched_retries = unmatched_retries

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return Airflow's decision for a failed try."""
        for error, reason in _NEVER_RETRIED.items():
            if isinstance(exception, error):
                return RetryDecision.fail(reason)
        for errors, reason in _OF_AIRFLOW.items():
            if isinstance(exception, errors):
                return RetryDecision.retry(reason=f"{reason}; the next try continues from there")
        if context is None:
            raise ValueError("a step's retry policy needs the task's context, with which Airflow calls it")
        # It loads pydantic, and DAG files import this module.
        from airflow_sm_pipelines.execution.attempts import RetryBook

        counts = RetryBook(context, max_tries, len(self.rules))
        exception_type = getattr(exception, "exception_type", None)
        retry = next_retry(self.rules, exception_type, counts.granted, counts.elapsed())
        if retry is not None:
            counts.grant(retry.rule)
            of = f" of {retry.of}" if retry.of is not None else ""
            return RetryDecision.retry(
                timedelta(seconds=retry.delay),
                f"retry {retry.number}{of} in {retry.delay:g} s: {exception_type}, policy {retry.rule + 1}",
            )
        if counts.unmatched < self.unmatched_retries:
            counts.grant_unmatched()
            return RetryDecision.retry(
                reason=f"retry {counts.unmatched} of {self.unmatched_retries} that the task's own `retries` allow"
            )
        why = f"grants another retry for {exception_type}" if exception_type else "matches this failure"
        return RetryDecision.fail(f"no retry policy {why}")
