"""One invocation of a Lambda function for one step: written down before the call, and kept when it is answered.

Runs in the worker. An invocation cannot be found again, so the record in Airflow's task state store is all that a later
try knows of it. It is the attempt record of job steps with no resource in it: open while the answer is unknown, closed
when the function is known to have failed or not to have been run. The outputs of an answered one stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.lambda_function import FunctionAnswer, LostAnswerError
from airflow_sm_pipelines.aws.requests.messages import custom_context
from airflow_sm_pipelines.aws.requests.names import new_token, resource_name
from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import describe_value
from airflow_sm_pipelines.errors import AwsCallError, OutputParametersError, StepFailedError, StepOutcomeUnknownError
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store
from airflow_sm_pipelines.execution.identity import StepIdentity
from airflow_sm_pipelines.execution.records import (
    OUTPUTS_KEY,
    RECORD_KEY,
    InvocationAttempt,
    InvocationOutputs,
    as_stored,
    read_attempt,
    read_record,
)
from airflow_sm_pipelines.execution.retry_policy import OnUnknown
from airflow_sm_pipelines.semantics.failure_messages import with_log_lines
from airflow_sm_pipelines.semantics.output_parameters import typed_outputs

if TYPE_CHECKING:
    from airflow.sdk import Context

_CANNOT_BE_LOOKED_UP = "Lambda cannot tell whether it has run"


class Invocation:
    """The invocation of one step in one try.

    Args:
        identity: Which step, execution and epoch.
        function: Name or ARN of the function, for messages.
        context: Airflow's task context, of which the task's state store is used.
        on_unknown: What to do when an earlier answer is not known.
        log: Where to say what happens.
        now: The present time in UTC.
    """

    def __init__(
        self,
        *,
        identity: StepIdentity,
        function: str,
        context: Context,
        on_unknown: OnUnknown,
        log: Log,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identity = identity
        self._function = function
        self._store = state_store(context)
        self._on_unknown = on_unknown
        self._log = log
        self._now = now

    def run(
        self,
        declared: Sequence[Mapping[str, Json]],
        invoke: Callable[[Mapping[str, str]], FunctionAnswer],
        reuse: Callable[[], JsonObject | None] = lambda: None,
    ) -> JsonObject:
        """Invoke the function, or take what it answered to an earlier try; returns the typed outputs.

        Args:
            declared: The step's ``OutputParameters``.
            invoke: Makes the call with a custom client context, and waits for the answer.
            reuse: Returns the outputs of an earlier run that stand for the step; asked unless an earlier try of this
                one may have invoked the function.

        Raises:
            StepOutcomeUnknownError: The answer of an invocation is not known, and it is not to be repeated.
            StepFailedError: The function failed, does not return what the step declares, or AWS refused the call.
        """
        last = self._last()
        outputs = self._answered(last)
        if outputs is not None:
            self._log.info("An earlier try of this task has the answer of %s; it is not invoked again", self._function)
            return outputs
        self._judge(last)
        if last is None or last.closed or not self._is_current(last):
            reused = reuse()
            if reused is not None:
                return reused
        attempt, identity = self._open_next(last), self._identity
        self._log.info("Invoking %s", self._function)
        try:
            answer = invoke(
                custom_context(identity.execution_id, identity.step, attempt.token, str(identity.try_number))
            )
        except LostAnswerError as error:
            raise self._lost(error) from error
        except AwsCallError as error:
            self._close(attempt)
            raise StepFailedError.of_refusal(identity.step, error) from error
        try:
            outputs = self._outputs(declared, answer)
        except StepFailedError:
            self._close(attempt)
            raise
        self._store.set(OUTPUTS_KEY, as_stored(InvocationOutputs(attempt.name, outputs)))
        return outputs

    # -- what earlier tries have left --------------------------------------------------------------------------------

    def _last(self) -> InvocationAttempt | None:
        last = read_attempt(self._store.get(RECORD_KEY))
        return last if isinstance(last, InvocationAttempt) else None

    def _is_current(self, attempt: InvocationAttempt) -> bool:
        return attempt.epoch == self._identity.epoch

    def _answered(self, last: InvocationAttempt | None) -> JsonObject | None:
        if last is None or not self._is_current(last):
            return None
        stored = self._store.get(OUTPUTS_KEY)
        answered = None if stored is None else read_record(InvocationOutputs, stored)
        return answered.outputs if answered is not None and answered.attempt == last.name else None

    def _judge(self, last: InvocationAttempt | None) -> None:
        """Decide about an invocation that an earlier try began without seeing the answer."""
        if last is None or last.closed:
            return
        if not self._is_current(last):
            self._log.warning(
                "The task was cleared while an invocation of %s was under way, begun at %s; it may still run, Lambda "
                "cannot stop it",
                self._function,
                last.submitted_at,
            )
            return
        begun = f"an earlier try began to invoke {self._function} at {last.submitted_at} and never saw its answer"
        if self._on_unknown is OnUnknown.FAIL:
            raise self._unknown(begun)
        self._log.warning("%s: %s; invoking it again (on_unknown is retry)", begun, _CANNOT_BE_LOOKED_UP)

    # -- this invocation ---------------------------------------------------------------------------------------------

    def _open_next(self, last: InvocationAttempt | None) -> InvocationAttempt:
        now = self._now().isoformat()
        if last is not None and self._is_current(last):
            token, number, opened_at = last.token, last.failures + 1, last.opened_at
        else:
            token, number, opened_at = new_token(), 0, now
        identity = self._identity
        name = resource_name(identity.execution_id, identity.step, token, number, limit=63, prefix=None)
        return self._write(
            InvocationAttempt(identity.epoch, token, number, name, opened_at=opened_at, submitted_at=now)
        )

    def _write(self, attempt: InvocationAttempt) -> InvocationAttempt:
        self._store.set(RECORD_KEY, as_stored(attempt))
        return attempt

    def _close(self, attempt: InvocationAttempt) -> None:
        self._write(replace(attempt, closed=True))

    # -- its outcome -------------------------------------------------------------------------------------------------

    def _outputs(self, declared: Sequence[Mapping[str, Json]], answer: FunctionAnswer) -> JsonObject:
        if answer.error:
            raise self._failure(
                with_log_lines(f"the function {self._function} failed: {answer.failure()}", answer.log_tail)
            )
        for line in answer.log_tail:
            self._log.info("    %s", line)
        try:
            returned = answer.value() if declared else {}
        except ValueError as error:
            raise self._failure(f"the function {self._function} did not return JSON: {error}") from error
        if not isinstance(returned, dict):
            raise self._failure(
                f"the function {self._function} must return an object with the outputs that the step declares, but "
                f"returned {describe_value(returned)}"
            )
        try:
            return typed_outputs(declared, returned)
        except OutputParametersError as error:
            raise self._failure(
                f"what the function {self._function} returned is not what the step declares: {error}"
            ) from error

    def _lost(self, error: LostAnswerError) -> StepFailedError | StepOutcomeUnknownError:
        if self._on_unknown is OnUnknown.FAIL:
            return self._unknown(f"{error.in_words()}, after {self._function} was invoked")
        return StepFailedError.of_refusal(self._identity.step, error, then=_CANNOT_BE_LOOKED_UP)

    def _unknown(self, what: str) -> StepOutcomeUnknownError:
        return StepOutcomeUnknownError(
            self._identity.step,
            f"{what}. {_CANNOT_BE_LOOKED_UP}, and on_unknown is fail: it is not invoked again by itself. Look whether "
            "its work was done; then clear the task to invoke it again, or mark it successful",
        )

    def _failure(self, message: str) -> StepFailedError:
        return StepFailedError(self._identity.step, message)
