"""Pages of List operations whose tokens are the ids of entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from airflow_sm_pipelines.local.errors import AwsError

Entry = TypeVar("Entry")


def page_after(
    entries: Sequence[Entry], entry_id: Callable[[Entry], str], token: str | None, size: int, refusal: AwsError
) -> tuple[list[Entry], str | None]:
    """Return the page after the entry that a token names, and the token of the next page if there is one.

    Args:
        entries: All entries.
        entry_id: Returns the id of an entry.
        token: The token of the request, if it has one.
        size: The most entries of a page.
        refusal: The error for a token that names no entry.

    Raises:
        AwsError: The token names no entry.
    """
    ids, start = [entry_id(entry) for entry in entries], 0
    if token:
        if token not in ids:
            raise refusal
        start = ids.index(token) + 1
    page = list(entries[start : start + size])
    return page, entry_id(page[-1]) if start + size < len(entries) else None
