"""Which result of an earlier run stands for a step, or why none does.

Source: developer guide, "Caching pipeline steps": the newest success of the same step of the same pipeline with the
same attributes, no older than ``ExpireAfter``. A step that still runs elsewhere is not waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.definition.durations import parse_duration
from airflow_sm_pipelines.semantics.cache_keys import Signature

MOST_ENTRIES = 40
"""How many results of one step are kept, the newest."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One success of a step.

    Attributes:
        signature: Digests of the attributes that count.
        run_id: The DAG run that computed it.
        succeeded_at: When it was known to have succeeded, with a time zone; its age counts from here.
        kind: Key of the resource's row in `airflow_sm_pipelines.aws.kinds`; empty if there is no resource.
        reference: What Describe takes.
        outputs: What the step has answered, if no API tells that again.
        item: Digest of the item of the ForEach around the step; empty outside of one.
    """

    signature: dict[str, str]
    run_id: str
    succeeded_at: datetime
    kind: str = ""
    reference: str = ""
    outputs: dict[str, Any] | None = field(default=None)
    item: str = ""

    def __post_init__(self) -> None:
        """Refuse a time without a zone, which could not be compared.

        Raises:
            ValueError: ``succeeded_at`` has no time zone.
        """
        if self.succeeded_at.tzinfo is None:
            raise ValueError("succeeded_at has no time zone")

    def expires_at(self, expire_after: str | None) -> datetime | None:
        """Return when the entry is too old to be used; ``None`` for never.

        Args:
            expire_after: ``CacheConfig.ExpireAfter``; ``None`` for no limit.
        """
        return None if expire_after is None else parse_duration(expire_after).after(self.succeeded_at)

    def is_expired(self, expire_after: str | None, now: datetime) -> bool:
        """Tell whether the entry is too old to be used."""
        end = self.expires_at(expire_after)
        return end is not None and end <= now


@dataclass(frozen=True, slots=True)
class Miss:
    """The reason why a step runs.

    Attributes:
        because: The reason, for people.
    """

    because: str

    def __str__(self) -> str:
        return self.because


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step that looks for a result.

    Attributes:
        signature: Digests of the attributes that count.
        run_id: Its own DAG run, whose results do not count: only those of *previous* runs do.
        expire_after: ``CacheConfig.ExpireAfter``; ``None`` for no limit.
        item: Digest of the item of the ForEach around the step; empty outside of one.
    """

    signature: Signature
    run_id: str
    expire_after: str | None = None
    item: str = ""


def find_entry(entries: Iterable[CacheEntry], wanted: Wanted, now: datetime) -> CacheEntry | Miss:
    """Return the result that stands for a step, or the reason why none does.

    Args:
        entries: The results that are kept of the step.
        wanted: What is looked for.
        now: The present time.
    """
    earlier = newest_first(entry for entry in entries if entry.run_id != wanted.run_id)
    if not earlier:
        return Miss("no earlier run has a result to reuse")
    same = [entry for entry in earlier if entry.signature == wanted.signature]
    if not same:
        of_item = [entry for entry in earlier if entry.item == wanted.item]
        return _difference((of_item or earlier)[0], wanted.signature)
    if same[0].is_expired(wanted.expire_after, now):
        since = same[0].succeeded_at.isoformat(timespec="seconds")
        return Miss(
            f"the result of run {same[0].run_id}, from {since}, is older than ExpireAfter {wanted.expire_after}"
        )
    return same[0]


def _difference(entry: CacheEntry, signature: Signature) -> Miss:
    """Name the attributes that differ, the first of them first."""
    differing = [name for name, digest in signature.items() if entry.signature.get(name) != digest]
    if not differing:  # another version of this package compared more attributes
        differing = [name for name in entry.signature if name not in signature]
    first, *others = differing
    also = f" (also changed: {', '.join(others)})" if others else ""
    return Miss(f"{first} has changed since run {entry.run_id}{also}")


def newest_first(entries: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Return entries by the time of their success, the newest first."""
    return sorted(entries, key=lambda entry: entry.succeeded_at, reverse=True)


def kept_entries(
    entries: Iterable[CacheEntry], new: CacheEntry, expire_after: str | None, now: datetime
) -> Sequence[CacheEntry]:
    """Return the entries to keep when a step has succeeded: the newest that have not expired.

    Args:
        entries: Those that were kept so far.
        new: The new one; it replaces one of the same run with the same attributes.
        expire_after: ``CacheConfig.ExpireAfter``; ``None`` for no limit.
        now: The present time.
    """
    others = (entry for entry in entries if (entry.run_id, entry.signature) != (new.run_id, new.signature))
    fresh = [entry for entry in (new, *others) if entry is new or not entry.is_expired(expire_after, now)]
    return newest_first(fresh)[:MOST_ENTRIES]
