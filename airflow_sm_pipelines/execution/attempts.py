"""What a task knows of its attempts: the AWS resource of the last one, and the retries that were granted.

The attempt record says which AWS resource belongs to the task. It is written down before the resource is created, and
lives in Airflow's task state store, which outlives the worker. Its rules:

- A random token is drawn once for each epoch and is part of the resource's name, so that nobody else can have used
  the name, and a resource found under it is ours.
- The record is written before the first Create. Killed before it: nothing was created. Killed after it: the next
  try looks for the recorded name and adopts the resource, or creates it under that same name.
- A record of another epoch means that a human cleared the task: its resource is stopped, never adopted.
- An attempt is closed when its resource has ended badly; the next try creates the next one if a retry was granted. A
  try may also begin because Airflow did not hear how the last one ended: it reports the same failure again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.console import AwsPlace
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.names import name_stem, new_token, resource_name
from airflow_sm_pipelines.execution.airflow_internals.worker import StateStore, state_store
from airflow_sm_pipelines.execution.identity import Epoch, StepIdentity
from airflow_sm_pipelines.execution.records import (
    COUNTS_KEY,
    RECORD_KEY,
    Attempt,
    CallbackAttempt,
    InvocationAttempt,
    RetryCounts,
    as_stored,
    read_attempt,
    read_record,
)

if TYPE_CHECKING:
    from airflow.sdk import Context


_NO_CONNECTION: Mapping[str, Any] = {}
_NOWHERE = AwsPlace()


class AttemptBook:
    """Reads and writes the attempt record of one task instance.

    Args:
        store: Airflow's state store of the task instance.
        identity: Who we are.
        kind: The kind of resource the step creates.
        prefix: Returns the name that the definition gives to the resource, ``None`` if it gives none; the service
            takes it as a prefix, so do we, unless the kind's name is verbatim. Asked only when a name is made.
        connection: Fields of the `AwsConnection` with which the resource is created.
        place: Where that is.
    """

    def __init__(
        self,
        store: StateStore,
        identity: StepIdentity,
        kind: ResourceKind,
        prefix: Callable[[], str | None] = lambda: None,
        connection: Mapping[str, Any] = _NO_CONNECTION,
        place: AwsPlace = _NOWHERE,
    ) -> None:
        self._store = store
        self._identity = identity
        self._kind = kind
        self._prefix = prefix
        self._connection = dict(connection)
        self._place = place

    def read(self) -> Attempt | None:
        """Return the last attempt that was written down, of whatever epoch; ``None`` if it was not of a job."""
        last = read_attempt(self._store.get(RECORD_KEY))
        return last if isinstance(last, Attempt) else None

    def read_former(self) -> Attempt | None:
        """Return what `read` returns, without asking in a task's first try: it starts with an empty store.

        Airflow gives a process that replaces a dead one another number, and one that begins after a clear, too.
        """
        return None if self._identity.try_number == 1 else self.read()

    def read_parked(self) -> Attempt | None:
        """Return the attempt of a try that was deferred, ``None`` if it is gone; from now on it is of this epoch.

        An edit of the DAG's ``retries`` while the task was deferred also changes the epoch, but is not a clear.
        """
        last = self.read()
        if last is None or not self._identity.epoch.is_same_try(last.epoch):
            return None
        return last if self.is_current(last) else self.write(replace(last, epoch=self._identity.epoch))

    def write(self, attempt: Attempt) -> Attempt:
        """Write an attempt down; it is durable when the call returns."""
        self._store.set(RECORD_KEY, as_stored(attempt))
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
        return self.write(
            Attempt(
                self._identity.epoch,
                token,
                failures,
                name,
                reference,
                opened_at,
                kind=self._kind.key,
                connection=self._connection,
                evaluated_at=now.isoformat(),
                region=self._place.region,
                partition=self._place.partition,
            )
        )

    def close(self, attempt: Attempt) -> Attempt:
        """Write down that an attempt has ended badly, so that the next try makes a new resource."""
        return self.write(replace(attempt, closed=True))

    def is_of_this_kind(self, attempt: Attempt) -> bool:
        """Tell whether an attempt is of the step's present type: the definition may have changed since."""
        return attempt.kind in ("", self._kind.key)

    def is_of_another_step(self) -> bool:
        """Tell whether there is a record, but not of a job: the step was a Lambda or Callback step."""
        return isinstance(read_attempt(self._store.get(RECORD_KEY)), (InvocationAttempt, CallbackAttempt))

    def is_followed(self, attempt: Attempt) -> bool:
        """Tell whether another attempt follows this one: it has failed, and a retry was granted."""
        if not attempt.closed:
            return False
        stored = self._store.get(COUNTS_KEY)
        counts = None if stored is None else read_record(RetryCounts, stored)
        return counts is not None and counts.epoch == attempt.epoch and counts.after in (None, attempt.failures)

    def may_have_lost_record(self, last: Attempt | None) -> bool:
        """Tell whether an earlier epoch may have left a resource whose record was discarded by a clear."""
        return last is None and self._identity.try_number > 1 and bool(self._kind.list)

    def leftover_stem(self) -> str:
        """Return what the names of this step's resources hold in every epoch; those of other steps may, too."""
        return name_stem(
            self._identity.execution_id, self._identity.step, limit=self._kind.name_limit, prefix=self._prefix()
        )


class RetryBook:
    """Reads and writes how many retries each rule has granted since the task was started or cleared.

    Args:
        context: Airflow's task context.
        max_tries: Airflow's number of the same name.
        rules: Number of the step's retry rules. If it was another one, all counts start anew.
    """

    def __init__(self, context: Context, max_tries: int, rules: int) -> None:
        self._store = state_store(context)
        self._epoch = Epoch(max_tries, context["ti"].task.retries or 0)
        stored = self._store.get(COUNTS_KEY)
        counts = None if stored is None else read_record(RetryCounts, stored)
        if counts is None or counts.epoch != self._epoch or len(counts.granted) != rules:
            counts = RetryCounts(self._epoch, (0,) * rules)
        self._counts = counts
        self._attempt = read_attempt(self._store.get(RECORD_KEY))

    @property
    def granted(self) -> tuple[int, ...]:
        """The number of retries that each rule has granted."""
        return self._counts.granted

    @property
    def unmatched(self) -> int:
        """The number of retries after failures that no rule matched."""
        return self._counts.unmatched

    def elapsed(self) -> float:
        """Return the seconds since the epoch's first attempt, 0 before there is one."""
        attempt = self._attempt
        if attempt is None or attempt.epoch != self._epoch or not attempt.opened_at:
            return 0.0
        return (datetime.now(UTC) - datetime.fromisoformat(attempt.opened_at)).total_seconds()

    def grant(self, rule: int) -> None:
        """Count a retry that a rule grants.

        Args:
            rule: The rule's index.
        """
        granted = self._counts.granted
        self._write(granted=(*granted[:rule], granted[rule] + 1, *granted[rule + 1 :]))

    def grant_unmatched(self) -> None:
        """Count a retry after a failure that no rule matches."""
        self._write(unmatched=self._counts.unmatched + 1)

    def _write(self, **counted: Any) -> None:
        after = self._attempt.failures if isinstance(self._attempt, (Attempt, InvocationAttempt)) else -1
        self._counts = replace(self._counts, after=after, **counted)
        self._store.set(COUNTS_KEY, as_stored(self._counts))
