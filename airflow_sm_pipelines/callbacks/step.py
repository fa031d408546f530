"""The path of a Callback step, from Airflow's side; runs in the worker.

Gate, resolve, attempt, send, wait, outcome. The answer is a row in Airflow's task state store, whoever gave it (the API
of the plugin, or a person); waking the task is only a hint to look there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, cast

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.requests.messages import EXECUTING, STOPPING
from airflow_sm_pipelines.callbacks.attempts import CallbackBook
from airflow_sm_pipelines.callbacks.endpoint_probe import warn_if_unserved
from airflow_sm_pipelines.callbacks.queue import (
    CallbackMessage,
    NoSealError,
    resolve_message,
    send,
    unseal,
)
from airflow_sm_pipelines.callbacks.required_action import ask_people, usable_answer
from airflow_sm_pipelines.callbacks.rules import (
    FAILURE,
    Answer,
    answered_outputs,
    declared_outputs,
    new_callback_token,
)
from airflow_sm_pipelines.callbacks.trigger import CallbackTrigger
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import (
    AwsCallError,
    OutputParametersError,
    StepError,
    StepFailedError,
    StepInterruptedError,
    StepTimeoutError,
)
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store
from airflow_sm_pipelines.execution.queue_client import queue_client
from airflow_sm_pipelines.execution.recorded_job import superseded_step_error
from airflow_sm_pipelines.execution.records import CallbackAttempt
from airflow_sm_pipelines.execution.step_run import StepRun, WaitingTask
from airflow_sm_pipelines.execution.xcoms import publish_status
from airflow_sm_pipelines.semantics.readiness import StepStatus
from airflow_sm_pipelines.semantics.settling import settle_seconds

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_cache import StepCache

_SETTLE_INTERVAL = 2.0
_FIRST_PAUSE = 0.5


class CallbackStep:
    """One try of a Callback step's task.

    Args:
        task: The task.
        run: The try.
        now: The present time in UTC.
    """

    def __init__(
        self, task: WaitingTask, run: StepRun, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._task = task
        self._run = run
        self._now = now
        self._step = run.plan.step
        self._name = run.step  # in a ForEach with the iteration
        self._book = CallbackBook(state_store(run.context), self._step, run.identity.epoch)
        self._attempt: CallbackAttempt | None = None
        self._queue_url = ""
        self._cache = run.cache()

    def start(self) -> JsonObject:
        """Send the message, unless an earlier try has, and wait for the answer.

        Raises:
            StepFailedError: The answer is a failure, or not what the step declares, or SQS refused the message.
            StepTimeoutError: Nobody answered within ``execution_timeout``.
        """
        try:
            reused = self._reused()
            if reused is not None:
                return reused
            attempt, message = self._claim()
            answer = self._book.answer(attempt)
            if answer is None:
                attempt = self._send(attempt, message)
                answer = self._wait(attempt)
        except AirflowTaskTimeout:
            return self._time_out()
        return self._defer(attempt) if answer is None else self._conclude(attempt, answer)

    def resume(self, event: Mapping[str, Json]) -> JsonObject:
        """Go on after a deferral: the answer is there, or waiting goes on.

        Args:
            event: What woke the task: our trigger's event, or Airflow's own when a person has answered.

        Raises:
            StepError: The required action is answered, but nobody has kept the answer.
        """
        attempt = self._recorded()
        try:
            self._take(attempt, unseal(attempt.sealed))  # for what the UI shows
        except NoSealError as error:
            self._run.log.warning("The message cannot be shown: %s", error)
        answer = self._book.answer(attempt) or self._unkept_answer(attempt, event)
        return self._defer(attempt) if answer is None else self._conclude(attempt, answer)

    def _unkept_answer(self, attempt: CallbackAttempt, event: Mapping[str, Json]) -> Answer | None:
        """Return the answer of a person that an API server without the plugin has taken, now kept; ``None`` if none."""
        if event.get("answered") and "chosen_options" not in event:  # from a trigger of an older version
            raise StepError(
                self._name,
                "its required action is answered, but neither the API server nor the triggerer has kept the answer: "
                "restart both, so that they load airflow-sm-pipelines as it is installed now, then clear the task",
            )
        answer = usable_answer(event, self._run.context["ti"].id, self._step, self._run.log)
        if answer is not None:
            self._book.keep(attempt, answer)
        return answer

    def time_out(self) -> JsonObject:
        """End a deferral that took longer than ``execution_timeout``; an answer that was taken still counts."""
        self._recorded()
        return self._time_out()

    # -- the answer of an earlier run ------------------------------------------------------------------------------

    def _reused(self) -> JsonObject | None:
        """Return what an earlier run was answered, if that stands for the step; a step that has asked goes on asking.

        Only a step whose ``CacheConfig`` is enabled has a cache: no other answer is given twice.
        """
        if self._cache is None or self._book.has_asked():
            return None
        outputs = self._cache.find_outputs(self._signature(self._cache, resolve_message(self._run, "")))
        if outputs is None:
            return None
        self._task.tell_reuse()
        return {"OutputParameters": outputs}

    def _signature(self, cache: StepCache, message: CallbackMessage) -> dict[str, str]:
        members: JsonObject = {
            "SqsQueueUrl": message.queue_url,
            "OutputParameters": self._step.members.get("OutputParameters"),
        }
        return dict(cache.signature_of_message(cast("JsonObject", message.arguments), members))

    # -- the attempt -----------------------------------------------------------------------------------------------

    def _claim(self) -> tuple[CallbackAttempt, CallbackMessage]:
        """Return the attempt that this try works on, written down, and its message."""
        self._require_readable_store()
        try:
            attempt, message = self._book.claim(self._resolved, self._stop_leftover, self._run.log, self._now())
        except NoSealError as error:
            raise StepError(self._name, str(error)) from error
        return self._take(attempt, message)

    def _require_readable_store(self) -> None:
        """Raise if the API server could not find a token that this worker draws."""
        backend = conf.get("workers", "state_store_backend", fallback="")
        if backend:
            raise StepError(
                self._name,
                f"[workers] state_store_backend is {backend}: the endpoint that takes the answers to callbacks reads "
                "Airflow's database, and finds nothing there; unset it for the workers that run Callback steps",
            )

    def _stop_leftover(self, last: CallbackAttempt, message: CallbackMessage) -> None:
        """Send ``Stopping`` for the attempt that the clear of the task has superseded."""
        self._say(STOPPING, message, last)

    def _take(self, attempt: CallbackAttempt, message: CallbackMessage) -> tuple[CallbackAttempt, CallbackMessage]:
        from airflow.sdk.log import mask_secret

        mask_secret(message.token)  # whatever logs the message, e.g. botocore's debug log
        self._attempt, self._queue_url = attempt, message.queue_url
        self._task.show_request(message.shown())
        return attempt, message

    def _recorded(self) -> CallbackAttempt:
        attempt = self._book.read_parked()
        if attempt is None and self._book.is_of_another_step():
            raise superseded_step_error(state_store(self._run.context), self._name, self._run.log, time.sleep)
        if attempt is None:
            raise StepError(
                self._name,
                "its attempt record is gone from the task state store, so its answer cannot be found; clear the task "
                "to start again",
            )
        self._attempt = attempt
        return attempt

    # -- the message -----------------------------------------------------------------------------------------------

    def _resolved(self) -> CallbackMessage:
        message = resolve_message(self._run, new_callback_token())
        if self._run.kill_switch.is_flipped:  # e.g. in the gate
            self._end(None)
        return message

    def _send(self, attempt: CallbackAttempt, message: CallbackMessage) -> CallbackAttempt:
        """Create the required action and send the message; both again if an earlier try died in between."""
        if attempt.sent_at:
            return attempt
        # First: an answer to the message completes the required action.
        ask_people(self._run.context["ti"].id, self._step, message)
        self._say(EXECUTING, message, attempt)
        signature = None if self._cache is None else self._signature(self._cache, message)
        sent = replace(attempt, sent_at=self._now().isoformat(), signature=signature)
        self._attempt = sent
        self._book.write(sent)
        warn_if_unserved(self._run.log, deferrable=self._task.waiting.deferrable)
        return sent

    def _say(self, status: str, message: CallbackMessage, attempt: CallbackAttempt) -> None:
        try:
            client = queue_client(self._run.connection, message.queue_url)
            sqs_id = send(client, message, status, attempt.digest)
        except AwsCallError as error:
            raise StepFailedError.of_refusal(self._name, error) from error
        self._run.log.info("Sent the message %s to %s (SQS message %s)", status, message.queue_url, sqs_id)

    # -- the wait --------------------------------------------------------------------------------------------------

    def _wait(self, attempt: CallbackAttempt) -> Answer | None:
        """Look for the answer until it is there, or, if the task can be deferred, for a short while."""
        waiting = self._task.waiting
        # A program may answer at once, and a person's answer wakes a deferred task without a quiet time.
        settle = settle_seconds(waiting.settle, ends_within_seconds=True, endpoint_url="")
        longest = _SETTLE_INTERVAL if waiting.deferrable else waiting.poll_interval
        pause, waited = min(_FIRST_PAUSE, longest), 0.0
        if not waiting.deferrable:
            self._say_waiting(attempt)
        while True:
            answer = self._book.answer(attempt)
            if answer is not None:
                return answer
            if self._remaining(attempt) == timedelta(0):
                return self._last_answer(attempt)
            if waiting.deferrable and waited + pause > settle:
                return None
            self._pause(attempt, pause)
            waited, pause = waited + pause, min(pause * 1.5, longest)

    def _say_waiting(self, attempt: CallbackAttempt) -> None:
        to = f", sent to {self._queue_url}," if self._queue_url else ""
        at_most = f", for at most {self._task.timeout}" if self._task.timeout else ""
        since = datetime.fromisoformat(attempt.sent_at or attempt.opened_at).isoformat(timespec="seconds")
        self._run.log.info("Waiting for an answer to the callback of %s%s since %s%s", self._name, to, since, at_most)

    def _pause(self, attempt: CallbackAttempt, seconds: float) -> None:
        """Wait, unless Airflow tells the process to end: then its task's state says what becomes of the callback."""
        if self._run.kill_switch.wait(seconds):
            self._end(attempt)

    def _end(self, attempt: CallbackAttempt | None) -> NoReturn:
        """End this process as the state of its task demands; without an attempt no message was sent."""
        given_up, state = self._run.is_given_up()
        if attempt is None:
            if given_up:
                raise StepError(self._name, f"its task was ended ({state}); no message was sent")
            raise StepInterruptedError(self._name, "the worker was told to end; no message was sent")
        if given_up:
            self._stop(attempt)
            raise StepError(self._name, f"its task was ended ({state}); the message {STOPPING} was sent")
        raise StepInterruptedError(self._name, "the worker was told to end; the callback stays open")

    def _remaining(self, attempt: CallbackAttempt) -> timedelta | None:
        timeout = self._task.timeout
        if timeout is None:
            return None
        return max(datetime.fromisoformat(attempt.sent_at) + timeout - self._now(), timedelta(0))

    def _defer(self, attempt: CallbackAttempt) -> JsonObject:
        remaining = self._remaining(attempt)
        if remaining != timedelta(0):
            self._say_waiting(attempt)
            self._task.defer(
                trigger=CallbackTrigger(
                    sealed=attempt.sealed,
                    digest=attempt.digest,
                    connection=self._run.connection.as_arguments(),
                    poll_interval=self._task.waiting.poll_interval,
                ),
                method_name="resume",
                timeout=remaining,
            )
        return self._time_out()

    # -- the outcome -----------------------------------------------------------------------------------------------

    def _stop(self, attempt: CallbackAttempt) -> None:
        try:
            message = unseal(attempt.sealed)
        except NoSealError as error:
            raise StepError(self._name, f"the message {STOPPING} cannot be sent: {error}") from error
        self._say(STOPPING, message, attempt)

    def _time_out(self) -> JsonObject:
        if self._attempt is None:
            timeout = self._task.timeout
            raise StepTimeoutError(self._name, f"no message was sent within execution_timeout ({timeout})")
        return self._conclude(self._attempt, self._last_answer(self._attempt))

    def _last_answer(self, attempt: CallbackAttempt) -> Answer:
        """Return the answer that was taken before the time was up.

        Raises:
            StepTimeoutError: There is none.
            StepFailedError: SQS refused the message ``Stopping``; the attempt stays open, for the next try to end it.
        """
        answer = self._book.answer(attempt)
        if answer is not None:
            return answer
        self._book.close(attempt)  # an answer from now on is told that it is late
        answer = self._book.answer(attempt)
        if answer is not None:
            self._book.write(attempt)
            return answer
        try:
            self._stop(attempt)
        except StepFailedError:
            self._book.write(attempt)
            raise
        timeout = self._task.timeout
        raise StepTimeoutError(
            self._name,
            f"nobody answered the callback within execution_timeout ({timeout}); the message {STOPPING} was sent",
        )

    def _conclude(self, attempt: CallbackAttempt, answer: Answer) -> JsonObject:
        by = f"{answer.person}, in Airflow" if answer.person else "a handler, over the API"
        self._run.log.info("Answered by %s: %s", by, answer.outcome)
        if answer.outcome == FAILURE:
            self._fail(attempt, answer.reason or "the answer gives no reason")
        try:
            outputs = answered_outputs(declared_outputs(self._step), answer)
        except OutputParametersError as error:
            self._fail(attempt, f"the answer is not what the step declares: {error}")
        if self._cache is not None and attempt.signature is not None:
            self._cache.keep(attempt.signature, outputs=outputs)
        return {"OutputParameters": outputs}

    def _fail(self, attempt: CallbackAttempt, reason: str) -> NoReturn:
        self._book.close(attempt)
        publish_status(self._run.context, StepStatus.FAILED)
        raise StepFailedError(self._name, reason)
