"""The decision about a failed try, made when the step fails, so that it stands in the log where the failure stands.

Airflow asks the policy later. What it logs then is below the failure, in a group that its UI shows folded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_sm_pipelines.execution.airflow_internals.authoring import RetryAction, RetryDecision
from airflow_sm_pipelines.execution.retry_policy import StepRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.aws.requests.step_start import Log


class ToldRetryPolicy(StepRetryPolicy):
    """A policy that tells its decision in the task's log; Airflow gets the same one when it asks."""

    _decided: tuple[BaseException, RetryDecision] | None = None

    def tell(self, exception: BaseException, context: Context, log: Log) -> bool:
        """Decide about a failed try and log the decision.

        Args:
            exception: Why it failed.
            context: Airflow's task context.
            log: The task's log.

        Returns:
            Whether another try follows.
        """
        ti = context["ti"]
        try:
            decision = super().evaluate(exception, ti.try_number, ti.max_tries, context)
        except AirflowRuntimeError:  # the counts cannot be read: Airflow asks again, and logs why it gets no answer
            return False
        self._decided = (exception, decision)
        if decision.action is not RetryAction.RETRY:
            log.error("No retry: %s", decision.reason)
        elif ti.try_number > ti.max_tries:
            log.error("No retry: the task's %s retries are used up", ti.max_tries)
        else:
            log.warning("Another try follows: %s", decision.reason)
            return True
        return False

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return Airflow's decision for a failed try: the one that was told, if it was; counts count once."""
        if self._decided is not None and self._decided[0] is exception:
            return self._decided[1]
        return super().evaluate(exception, try_number, max_tries, context)
