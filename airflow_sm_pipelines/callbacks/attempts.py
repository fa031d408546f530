"""The attempts of a Callback step: which token answers it, written down before the message is sent.

The attempt record lives in Airflow's task state store, as that of every step does, and holds the token only sealed:
encrypted with Airflow's Fernet key. A try after a crash opens it and sends the very same message again. Everybody else
finds an attempt by the digest of its token, under a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, JsonValue
from pydantic.dataclasses import dataclass

from airflow_sm_pipelines.aws.requests.messages import STOPPING
from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.callbacks.queue import CallbackMessage, NoSealError, seal, unseal
from airflow_sm_pipelines.callbacks.rules import Answer, declared_outputs, digest_of
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.execution.airflow_internals.worker import StateStore
from airflow_sm_pipelines.execution.identity import Epoch
from airflow_sm_pipelines.execution.records import (
    RECORD_KEY,
    STORED,
    Attempt,
    CallbackAttempt,
    InvocationAttempt,
    as_stored,
    read_attempt,
    read_record,
)

_NEVER_EXPIRE = timedelta.max  # this very object is `airflow.sdk.NEVER_EXPIRE`
_TOKEN_KEY = "sm_pipelines_callback"  # noqa: S105 - not a secret
_ANSWER_KEY = "sm_pipelines_answer"


def token_key(digest: str) -> str:
    """Return the state store's key under which a token is found."""
    return f"{_TOKEN_KEY}:{digest}"


def answer_key(digest: str) -> str:
    """Return the state store's key of the answer to a token."""
    return f"{_ANSWER_KEY}:{digest}"


def trace_key(digest: str) -> str:
    """Return the name of the Airflow variable that is left of a token whose run was deleted."""
    return f"{_TOKEN_KEY}_{digest}"


@dataclass(frozen=True, slots=True, config=STORED)
class TokenRecord:
    """What is known of a token, under its `token_key`.

    Attributes:
        execution_arn: The execution that drew it.
        step: The step that drew it.
        outputs: The outputs that the step declares; ``None`` if an older version has written the record.
    """

    execution_arn: Annotated[str, Field(alias="pipelineExecutionArn")]
    step: str
    outputs: list[dict[str, JsonValue]] | None = None


class CallbackBook:
    """Reads and writes the attempt record, and reads the answer.

    Args:
        store: Airflow's state store of the task instance.
        step: The step.
        epoch: The present epoch.
    """

    def __init__(self, store: StateStore, step: Step, epoch: Epoch) -> None:
        self._store = store
        self._step = step
        self._epoch = epoch

    def read(self) -> CallbackAttempt | None:
        """Return the last attempt, of whatever epoch; ``None`` also if the step was of another type then."""
        last = read_attempt(self._store.get(RECORD_KEY))
        return last if isinstance(last, CallbackAttempt) else None

    def read_parked(self) -> CallbackAttempt | None:
        """Return the open attempt of a try that was deferred, ``None`` if it is gone; from now on it is of this epoch.

        An edit of the DAG's ``retries`` while the task was deferred also changes the epoch, but is not a clear.
        """
        last = self.read()
        if last is None or last.closed or not self._epoch.is_same_try(last.epoch):
            return None
        return last if last.epoch == self._epoch else self.write(replace(last, epoch=self._epoch))

    def is_of_another_step(self) -> bool:
        """Tell whether there is a record, but not of a callback: the step was of another type."""
        return isinstance(read_attempt(self._store.get(RECORD_KEY)), (Attempt, InvocationAttempt))

    def is_open(self, attempt: CallbackAttempt) -> bool:
        """Tell whether an attempt is of this epoch and not over."""
        return attempt.epoch == self._epoch and not attempt.closed

    def has_asked(self) -> bool:
        """Tell whether an earlier try of the task has sent a message that has not failed, in whatever epoch."""
        last = self.read()
        return last is not None and not last.closed

    def claim(
        self,
        resolve: Callable[[], CallbackMessage],
        stop: Callable[[CallbackAttempt, CallbackMessage], None],
        log: Log,
        now: datetime,
    ) -> tuple[CallbackAttempt, CallbackMessage]:
        """Return the attempt that a try works on, written down, and its message.

        Args:
            resolve: Returns the message of a new attempt.
            stop: Tells the recipient of a message that its attempt was superseded by a clear.
            log: The task's log.
            now: The present time in UTC.

        Raises:
            NoSealError: Airflow has no Fernet key.
        """
        last = self.read()
        if last is not None and self.is_open(last):
            message = self._reopened(last, log)
            if message is not None:
                log.info("An earlier try of this task has drawn the token; it stays valid")
                return last, message
        elif last is not None and not last.closed and self.answer(last) is None:
            try:
                stop(last, unseal(last.sealed))
            except NoSealError as error:
                log.warning("Cannot send the message %s for the cleared attempt: %s", STOPPING, error)
        message = resolve()
        return self.open_next(last, message, now), message

    def _reopened(self, last: CallbackAttempt, log: Log) -> CallbackMessage | None:
        """Return the message of an earlier try, ``None`` if this worker does not have the key for it."""
        try:
            message = unseal(last.sealed)
        except NoSealError as error:
            log.warning("The earlier token is given up, and a new message sent: %s", error)
            return None
        self.publish(last, message)  # the worker may have died before it did
        return message

    def open_next(self, last: CallbackAttempt | None, message: CallbackMessage, now: datetime) -> CallbackAttempt:
        """Write down and return the attempt that sends ``message``; it can be answered from now on.

        Raises:
            NoSealError: Airflow has no Fernet key.
        """
        same_epoch = last is not None and last.epoch == self._epoch
        attempt = CallbackAttempt(
            epoch=self._epoch,
            digest=digest_of(message.token),
            sealed=seal(message),
            opened_at=last.opened_at if last is not None and same_epoch else now.isoformat(),
        )
        self.write(attempt)
        self.publish(attempt, message)
        return attempt

    def publish(self, attempt: CallbackAttempt, message: CallbackMessage) -> None:
        """Make the attempt's token known."""
        record = TokenRecord(message.execution_arn, self._step.name, declared_outputs(self._step))
        self._set(token_key(attempt.digest), record)

    def write(self, attempt: CallbackAttempt) -> CallbackAttempt:
        """Write an attempt down; it is durable when the call returns."""
        self._set(RECORD_KEY, attempt)
        return attempt

    def close(self, attempt: CallbackAttempt) -> CallbackAttempt:
        """Write down that an attempt is over: its token is dead, and the next try draws another."""
        return self.write(replace(attempt, closed=True))

    def answer(self, attempt: CallbackAttempt) -> Answer | None:
        """Return the answer to an attempt, ``None`` if there is none yet."""
        stored = self._store.get(answer_key(attempt.digest))
        return None if stored is None else read_record(Answer, stored)

    def keep(self, attempt: CallbackAttempt, answer: Answer) -> None:
        """Write down the answer to an attempt which the API server has not kept."""
        self._set(answer_key(attempt.digest), answer)

    def _set(self, key: str, record: object) -> None:
        # An answer may take months; the rows go with their DAG run.
        self._store.set(key, as_stored(record), retention=_NEVER_EXPIRE)
