"""SageMaker's retry policies as Airflow's; evaluated in the worker when a try has failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision
from airflow.sdk.exceptions import TaskDeferralError

from airflow_sm_pipelines.errors import PipelineFailStepError, StepInterruptedError, StepOutcomeUnknownError
from airflow_sm_pipelines.execution.attempts import RECORD_KEY
from airflow_sm_pipelines.semantics.retry import RetryRule, next_retry

_COUNTS_KEY = "sm_pipelines_retries"

SPARE_RETRIES = 3
"""Retries beyond what the policies can grant: a worker that dies uses one up, and the next try finds the job."""


class StepRetryPolicy(RetryPolicy):
    """Decides by SageMaker's exception types; Airflow's own ``retries`` bound it.

    Args:
        rules: The step's rules in order.
        unmatched_retries: How often a failure that no rule matches is retried: the ``retries`` that the user set.
    """

    def __init__(self, rules: Sequence[RetryRule], unmatched_retries: int) -> None:
        self.rules = tuple(rules)
        self.unmatched_retries = unmatched_retries

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Return Airflow's decision for a failed try."""
        if isinstance(exception, PipelineFailStepError):
            return RetryDecision.fail("the pipeline's author wants the run to fail here")
        if isinstance(exception, StepOutcomeUnknownError):
            return RetryDecision.fail("nobody knows whether the work was done, and it must not be done twice")
        if isinstance(exception, (StepInterruptedError, TaskDeferralError)):
            return RetryDecision.retry(reason="worker or triggerer broke off; the next try goes on from there")
        counts = _Counts(context, len(self.rules), max_tries)
        kind = getattr(exception, "exception_type", None)
        retry = next_retry(self.rules, kind, counts.granted, counts.elapsed())
        if retry is not None:
            counts.grant(retry.rule)
            of = f" of {retry.of}" if retry.of is not None else ""
            return RetryDecision.retry(
                timedelta(seconds=retry.delay),
                f"retry {retry.number}{of} in {retry.delay:g} s: {kind}, policy {retry.rule + 1}",
            )
        if counts.unmatched < self.unmatched_retries:
            counts.grant_unmatched()
            return RetryDecision.retry(
                reason=f"retry {counts.unmatched} of {self.unmatched_retries} that the task's own `retries` allow"
            )
        return RetryDecision.fail(
            f"no retry policy {'grants another retry for' if kind else 'matches'} {kind or 'this failure'}"
        )


class _Counts:
    """How many retries each rule has granted since the task was started or cleared; kept in the state store."""

    def __init__(self, context: Any, rules: int, max_tries: int) -> None:
        self._store = context["task_state_store"]
        self._epoch = f"{max_tries}/{context['ti'].task.retries}"
        record = self._store.get(_COUNTS_KEY)
        if record is None or record["epoch"] != self._epoch or len(record["granted"]) != rules:
            record = {"epoch": self._epoch, "granted": [0] * rules, "unmatched": 0}
        self._record: dict[str, Any] = record

    @property
    def granted(self) -> list[int]:
        counts: list[int] = self._record["granted"]
        return counts

    @property
    def unmatched(self) -> int:
        return int(self._record["unmatched"])

    def elapsed(self) -> float:
        """Return the seconds since the epoch's first attempt, 0 before there is one."""
        attempt = self._store.get(RECORD_KEY)
        if attempt is None or attempt["epoch"] != self._epoch:
            return 0.0
        return (datetime.now(UTC) - datetime.fromisoformat(attempt["opened_at"])).total_seconds()

    def grant(self, rule: int) -> None:
        self._record["granted"][rule] += 1
        self._store.set(_COUNTS_KEY, self._record)

    def grant_unmatched(self) -> None:
        self._record["unmatched"] += 1
        self._store.set(_COUNTS_KEY, self._record)
