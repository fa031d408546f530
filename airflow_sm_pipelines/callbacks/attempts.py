"""The attempt record of a Callback step: which token answers it, written down before the message is sent.

It lives in Airflow's task state store, as the record of every step does, and holds the token only sealed: encrypted
with Airflow's Fernet key. A try after a crash opens it and sends the very same message again; everybody else finds an
attempt by the digest of its token, under a key of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from airflow_sm_pipelines.callbacks.queue import CallbackMessage, from_stored
from airflow_sm_pipelines.callbacks.rules import Answer, digest_of
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.execution.attempts import RECORD_KEY, from_record, same_try

_NEVER_EXPIRE = timedelta.max  # this very object is `airflow.sdk.NEVER_EXPIRE`
_TOKEN_KEY = "sm_pipelines_callback"  # noqa: S105 - not a secret
_ANSWER_KEY = "sm_pipelines_answer"


_CURE = (
    "set it, to the same key on all workers and triggerers (python -c 'from cryptography.fernet import Fernet as F; "
    "print(F.generate_key().decode())')"
)


def token_key(digest: str) -> str:
    """Return the state store's key under which a token is found."""
    return f"{_TOKEN_KEY}:{digest}"


def answer_key(digest: str) -> str:
    """Return the state store's key of the answer to a token."""
    return f"{_ANSWER_KEY}:{digest}"


def trace_key(digest: str) -> str:
    """Return the name of the Airflow variable that is left of a token whose run was deleted."""
    return f"{_TOKEN_KEY}_{digest}"


class NoSealError(SageMakerPipelinesError):
    """Airflow has no Fernet key, or another one than that with which a message was sealed."""


class CallbackStore(Protocol):
    """What we use of Airflow's ``context["task_state_store"]``."""

    def get(self, key: str) -> Any:
        """Return the stored JSON value, ``None`` if there is none."""

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Store a JSON value; it is durable when the call returns."""


@dataclass(frozen=True, slots=True)
class CallbackAttempt:
    """One attempt of a Callback step: at most one live token.

    Attributes:
        epoch: The epoch it belongs to.
        digest: Digest of its token.
        sealed: The message with the token, encrypted.
        opened_at: When the epoch's first attempt was opened, ISO 8601 in UTC; retry policies expire from here.
        sent_at: When SQS accepted the message, ISO 8601 in UTC; empty until then.
        closed: Whether the attempt is over and has failed.
    """

    epoch: str
    digest: str
    sealed: str
    opened_at: str
    sent_at: str = ""
    closed: bool = False


class CallbackBook:
    """Reads and writes the attempt record, and reads the answer.

    Args:
        store: Airflow's state store of the task instance.
        step: Name of the step.
        epoch: The present epoch.
    """

    def __init__(self, store: CallbackStore, step: str, epoch: str) -> None:
        self._store = store
        self._step = step
        self._epoch = epoch

    def read(self) -> CallbackAttempt | None:
        """Return the last attempt, of whatever epoch; ``None`` also if the step was of another type then."""
        record = self._store.get(RECORD_KEY)
        return from_record(CallbackAttempt, record) if record is not None and "digest" in record else None

    def read_parked(self) -> CallbackAttempt | None:
        """Return the open attempt of a try that was deferred, ``None`` if it is gone; from now on it is of this epoch.

        An edit of the DAG's ``retries`` while the task was parked changes the epoch, too, and means no clear.
        """
        last = self.read()
        if last is None or last.closed or not same_try(self._epoch, last.epoch):
            return None
        return last if last.epoch == self._epoch else self.write(replace(last, epoch=self._epoch))

    def is_open(self, attempt: CallbackAttempt) -> bool:
        """Tell whether an attempt is of this epoch and not over."""
        return attempt.epoch == self._epoch and not attempt.closed

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
        self._set(token_key(attempt.digest), {"pipelineExecutionArn": message.execution_arn, "step": self._step})

    def write(self, attempt: CallbackAttempt) -> CallbackAttempt:
        """Write an attempt down; it is durable when the call returns."""
        self._set(RECORD_KEY, asdict(attempt))
        return attempt

    def close(self, attempt: CallbackAttempt) -> CallbackAttempt:
        """Write down that an attempt is over: its token is dead, and the next try draws another."""
        return self.write(replace(attempt, closed=True))

    def answer(self, attempt: CallbackAttempt) -> Answer | None:
        """Return the answer to an attempt, ``None`` if there is none yet."""
        record = self._store.get(answer_key(attempt.digest))
        return None if record is None else from_record(Answer, record)

    def _set(self, key: str, value: Mapping[str, Any]) -> None:
        # An answer may take months; the rows go with their DAG run.
        self._store.set(key, dict(value), retention=_NEVER_EXPIRE)


def seal(message: CallbackMessage) -> str:
    """Return a message encrypted with Airflow's Fernet key.

    Raises:
        NoSealError: Airflow has no Fernet key.
    """
    return str(_fernet().encrypt(json.dumps(asdict(message)).encode()).decode())


def unseal(sealed: str) -> CallbackMessage:
    """Return the message that was sealed.

    Raises:
        NoSealError: It was sealed with another key than Airflow has here.
    """
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - only tasks and triggers get here

    try:
        return from_stored(json.loads(_fernet().decrypt(sealed.encode())))
    except InvalidToken as error:
        raise NoSealError(
            "the token of this callback was sealed with another key than [core] fernet_key has here; workers and "
            "triggerers need the same key"
        ) from error


def _fernet() -> Any:
    from airflow.sdk.crypto import get_fernet  # noqa: PLC0415
    from airflow.sdk.exceptions import AirflowException  # noqa: PLC0415

    try:
        fernet = get_fernet()
    except AirflowException as error:
        raise NoSealError(f"[core] fernet_key is no Fernet key ({error}); {_CURE}") from error
    if not fernet.is_encrypted:
        raise NoSealError(f"[core] fernet_key is empty, so the token of a callback could not be kept secret; {_CURE}")
    return fernet
