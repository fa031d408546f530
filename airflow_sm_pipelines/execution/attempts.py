"""The attempt record: which AWS resource belongs to this task, written down before it is created.

The record lives in Airflow's task state store, which outlives the worker. Its rules:

- A random token is drawn once for each epoch and is part of the resource's name, so that nobody else can have used
  the name, and a resource found under it is ours.
- The record is written before the first Create. Killed before it: nothing was created. Killed after it: the next
  try looks for the recorded name and adopts the resource, or creates it under that same name.
- A record of another epoch means that a human cleared the task: its resource is stopped, never adopted.
- An attempt is closed when its resource has ended badly; the next try creates the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.names import name_stem, new_token, resource_name
from airflow_sm_pipelines.execution.identity import StepIdentity

RECORD_KEY = "sm_pipelines_attempt"
_Record = TypeVar("_Record")


class StateStore(Protocol):
    """What we use of Airflow's ``context["task_state_store"]`` (Airflow 3.3, AIP-103)."""

    def get(self, key: str) -> Any:
        """Return the stored JSON value, ``None`` if there is none."""

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value; it is durable when the call returns."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to run a step: at most one AWS resource.

    Attributes:
        epoch: The epoch it belongs to.
        token: The epoch's random token.
        failures: How many earlier attempts of the epoch failed.
        name: Name of the resource, or the idempotency token of one that the service names.
        reference: What Describe takes, the name or the ARN; empty until the service has named the resource.
        closed: Whether the resource is known to have ended badly, or to have been refused.
        opened_at: When the epoch's first attempt was opened, ISO 8601 in UTC; retry policies expire from here.
        submitted_at: When the resource was created, ISO 8601 in UTC; empty until AWS has accepted it.
    """

    epoch: str
    token: str
    failures: int
    name: str
    reference: str
    opened_at: str
    closed: bool = False
    submitted_at: str = ""


def from_record(kind: type[_Record], record: Mapping[str, Any]) -> _Record:
    """Return what a record says that this or another version of the package has written.

    A running task outlives an upgrade and a downgrade: what this version does not know is left out, what that version
    did not write has its default.

    Args:
        kind: A dataclass of plain JSON values.
        record: Its fields as another process stored them.
    """
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in record.items() if name in known})


def same_try(mine: str, other: str) -> bool:
    """Tell whether two epochs are one for a deferred try: a clear ends the deferral, an edited `retries` does not."""
    return mine.partition("/")[0] == other.partition("/")[0]


def read_attempt(store: StateStore) -> Attempt | None:
    """Return the attempt that a task's state store holds; ``None`` if its step was of another type, a Callback, then.

    Args:
        store: Airflow's state store of the task instance.
    """
    record = store.get(RECORD_KEY)
    return from_record(Attempt, record) if record is not None and "name" in record else None


class AttemptBook:
    """Reads and writes the attempt record of one task instance.

    Args:
        store: Airflow's state store of the task instance.
        identity: Who we are.
        kind: The kind of resource the step creates.
        prefix: Returns the name that the definition gives to the resource, ``None`` if it gives none; the service
            takes it as a prefix, so do we, unless the kind's name is verbatim. Asked only when a name is made.
    """

    def __init__(
        self,
        store: StateStore,
        identity: StepIdentity,
        kind: ResourceKind,
        prefix: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._store = store
        self._identity = identity
        self._kind = kind
        self._prefix = prefix

    def read(self) -> Attempt | None:
        """Return the last attempt that was written down, of whatever epoch."""
        return read_attempt(self._store)

    def read_parked(self) -> Attempt | None:
        """Return the attempt of a try that was deferred, ``None`` if it is gone; from now on it is of this epoch.

        An edit of the DAG's ``retries`` while the task was parked changes the epoch, too, and means no clear.
        """
        last = self.read()
        if last is None or not same_try(self._identity.epoch, last.epoch):
            return None
        return last if self.is_current(last) else self.write(replace(last, epoch=self._identity.epoch))

    def write(self, attempt: Attempt) -> Attempt:
        """Write an attempt down; it is durable when the call returns."""
        self._store.set(RECORD_KEY, asdict(attempt))
        return attempt

    def is_current(self, attempt: Attempt) -> bool:
        """Tell whether an attempt belongs to this epoch."""
        return attempt.epoch == self._identity.epoch

    def open_next(self, last: Attempt | None, now: datetime) -> Attempt:
        """Write down and return the attempt that follows ``last``: the next of this epoch, or its first."""
        if last is not None and self.is_current(last):
            token, failures, opened_at = last.token, last.failures + 1, last.opened_at
        else:
            token, failures, opened_at = new_token(), 0, now.isoformat()
        given = self._prefix()
        name = (
            given
            if given is not None and self._kind.verbatim_name
            else resource_name(
                self._identity.execution_id,
                self._identity.step,
                token,
                failures,
                limit=self._kind.name_limit,
                prefix=given,
            )
        )
        reference = "" if self._kind.named_by_service else name
        return self.write(Attempt(self._identity.epoch, token, failures, name, reference, opened_at))

    def close(self, attempt: Attempt) -> Attempt:
        """Write down that an attempt has ended badly, so that the next try makes a new resource."""
        return self.write(replace(attempt, closed=True))

    def may_have_lost_record(self, last: Attempt | None) -> bool:
        """Tell whether an earlier epoch may have left a resource whose record was discarded by a clear."""
        return last is None and self._identity.try_number > 1 and bool(self._kind.list)

    def leftover_stem(self) -> str:
        """Return what the names of this step's resources hold in every epoch; those of other steps may, too."""
        return name_stem(
            self._identity.execution_id, self._identity.step, limit=self._kind.name_limit, prefix=self._prefix()
        )
