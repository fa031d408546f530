"""Where the results are noted that later runs may reuse: one Airflow variable for each step of a DAG.

A variable outlives runs and ``airflow db clean``, can be read in the UI, and is deleted there to forget the results of
a step. It holds digests and names, no values of requests. Two tasks that write it at once may lose one of their notes:
a later run computes that result again. The iterations of a ForEach, which end together, therefore have several
variables; which one is decided by the item, so that a list may grow or change its order.

Runs in the worker.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.execution.airflow_internals.worker import (
    airflow_variable,
    airflow_variable_keys,
    delete_airflow_variable,
    is_outage,
    set_airflow_variable,
)
from airflow_sm_pipelines.semantics.cache import CacheEntry, kept_entries
from airflow_sm_pipelines.semantics.cache_keys import digest

if TYPE_CHECKING:
    from pydantic import TypeAdapter

CACHE_VARIABLES = "sm_pipelines_cache_"
"""How the keys of the variables begin."""

_VARIABLES_OF_A_LOOP = 32


@dataclass(frozen=True, slots=True)
class StoredCache:
    """The content of a variable.

    Attributes:
        dag: Id of the DAG.
        step: Id of the step's task.
        expires_at: When the last of its entries expires, by the age that was allowed when it was written; ``None`` for
            never.
        entries: The results.
    """

    dag: str
    step: str
    expires_at: datetime | None = None
    entries: Sequence[CacheEntry] = ()


class CacheStore:
    """The results of one step that later runs may reuse.

    Args:
        dag_id: Id of the DAG. Results are never shared between DAGs (developer guide, "Caching pipeline steps").
        task_id: Id of the step's task.
        item: Digest of the item of the ForEach around the step; empty outside of one.
        log: Where to say what is wrong with the variable.
    """

    def __init__(self, dag_id: str, task_id: str, item: str, log: Log) -> None:
        self._dag_id = dag_id
        self._task_id = task_id
        self._log = log
        part = str(int(item, 16) % _VARIABLES_OF_A_LOOP) if item else ""
        self.key = f"{CACHE_VARIABLES}{digest([dag_id, task_id, part])}"

    def entries(self) -> Sequence[CacheEntry]:
        """Return the results; none if the variable cannot be read."""
        try:
            text = airflow_variable(self.key)
        except AirflowRuntimeError as error:
            if is_outage(error):
                raise
            self._log.warning("Airflow does not let this task read the variable %s: %s", self.key, error)
            return ()
        try:
            return () if text is None else _read(text).entries
        except ValueError as error:
            self._log.warning("The variable %s is not readable, and is taken as empty: %s", self.key, error)
            return ()

    def keep(self, entry: CacheEntry, expire_after: str | None, now: datetime) -> None:
        """Note a result. If Airflow does not allow it, later runs compute it again.

        Args:
            entry: The result.
            expire_after: ``CacheConfig.ExpireAfter``; ``None`` for no limit.
            now: The present time.
        """
        entries = kept_entries(self.entries(), entry, expire_after, now)
        ends = [one.expires_at(expire_after) for one in entries]
        expires_at = None if None in ends else max(end for end in ends if end is not None)
        stored = StoredCache(self._dag_id, self._task_id, expires_at, entries)
        text = _adapter().dump_json(stored, indent=1).decode()
        about = (
            f"Results of step {self._task_id} of DAG {self._dag_id} that later runs may reuse; delete it to forget them"
        )
        try:
            set_airflow_variable(self.key, text, about)
        except AirflowRuntimeError as error:
            if is_outage(error):
                raise
            self._log.warning("No later run can reuse this result: Airflow refuses the variable: %s", error)


def drop_expired(now: datetime, log: Log) -> int:
    """Delete the variables whose results have all expired, as those of DAGs that are gone do one day.

    Args:
        now: The present time.
        log: Where to say how many.

    Returns:
        How many there were.
    """
    dropped = 0
    for key in airflow_variable_keys(CACHE_VARIABLES):
        text = airflow_variable(key)
        if text is not None and _has_expired(text, now):
            delete_airflow_variable(key)
            dropped += 1
    if dropped:
        log.info("Deleted %d variables whose cached results had all expired", dropped)
    return dropped


def _has_expired(text: str, now: datetime) -> bool:
    try:
        expires_at = _read(text).expires_at
    except ValueError:  # not ours to judge
        return False
    return expires_at is not None and expires_at <= now


def _read(text: str) -> StoredCache:
    """Return the content of a variable.

    Raises:
        ValueError: It is not such content; pydantic's error is one, too.
    """
    return _adapter().validate_python(json.loads(text))


@cache
def _adapter() -> TypeAdapter[StoredCache]:
    from pydantic import TypeAdapter

    return TypeAdapter(StoredCache)
