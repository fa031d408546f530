"""Filters, order and pages of the List operations of all kinds of resources."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource

_DEFAULT_PAGE = 10
"""*Assumed* where MaxResults is not given; AWS documents only its range, 1 to 100."""

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Entry]):
    """The listing of one kind of resource.

    Attributes:
        name: Name of an entry: what it is sorted by where all else is equal.
        filters: By member of the request: whether an entry is wanted, given the member's value.
        sort_keys: By value of ``SortBy``: a text that sorts as the entries do.
        default_sort: ``SortBy`` of a request without it, as the operation documents it.
        default_order: ``SortOrder`` of a request without it: ``Ascending`` or ``Descending``.
        page_filters: Those of the filters that a page goes through after it was cut: it may be short, or empty.
    """

    name: Callable[[Entry], str]
    filters: Mapping[str, Callable[[Entry, Any], bool]]
    sort_keys: Mapping[str, Callable[[Entry], str]]
    default_sort: str = "CreationTime"
    default_order: str = "Ascending"
    page_filters: frozenset[str] = frozenset()

    def page(self, entries: Sequence[Entry], request: Document) -> tuple[list[Entry], str | None]:
        """Return one page of a List operation.

        Args:
            entries: All entries of the kind.
            request: The List request.

        Returns:
            The entries of the page, and the token of the next one if there is one.

        Raises:
            AwsError: ``ValidationException`` for a token that this service has not given.
        """
        filters = {member: request[member] for member in self.filters if request.get(member) is not None}
        late = {name: filters.pop(name) for name in self.page_filters & filters.keys()}
        wanted = [entry for entry in entries if self._fits(entry, filters)]
        sort_key = self.sort_keys[request.get("SortBy", self.default_sort)]
        descending = request.get("SortOrder", self.default_order) == "Descending"
        placed = sorted(([sort_key(entry), self.name(entry)], index) for index, entry in enumerate(wanted))
        if descending:
            placed.reverse()
        if token := request.get("NextToken"):
            last = _read_token(token)
            placed = [(at, index) for at, index in placed if (at < last if descending else at > last)]
        size = request.get("MaxResults", _DEFAULT_PAGE)
        page, more = placed[:size], placed[size:]
        found = [wanted[index] for _, index in page]
        return [entry for entry in found if self._fits(entry, late)], _token(page[-1][0]) if more else None

    def _fits(self, entry: Entry, filters: Mapping[str, Any]) -> bool:
        return all(self.filters[name](entry, value) for name, value in filters.items())


_NO_FILTERS: Mapping[str, Callable[[Resource, Any], bool]] = {}


def resource_listing(
    *, default_order: str, filters: Mapping[str, Callable[[Resource, Any], bool]] = _NO_FILTERS
) -> Listing[Resource]:
    """Return how a kind of resource is listed: by name or time, filtered by name, time and its own filters."""
    return Listing(
        name=lambda resource: resource.key.name,
        filters={
            "NameContains": lambda resource, text: text in resource.key.name,
            "CreationTimeAfter": lambda resource, moment: resource.creation_time > utc(moment),
            "CreationTimeBefore": lambda resource, moment: resource.creation_time < utc(moment),
            **filters,
        },
        sort_keys={
            "Name": lambda resource: resource.key.name,
            "CreationTime": lambda resource: sortable(resource.creation_time),
        },
        default_order=default_order,
    )


def utc(seconds: float) -> datetime:
    """Return a timestamp of a request."""
    return datetime.fromtimestamp(seconds, UTC)


def sortable(moment: datetime) -> str:
    """Return a moment as a text that sorts as moments do."""
    return moment.isoformat(timespec="microseconds")


def _token(position: list[str]) -> str:
    """Return the token of the place where a page ended: new resources neither repeat nor hide others."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _read_token(token: str) -> list[str]:
    try:
        position = read_json(base64.urlsafe_b64decode(token))
    except ValueError:
        position = None
    if not isinstance(position, list) or [type(part) for part in position] != [str, str]:
        raise validation_error("Invalid NextToken")
    return position
