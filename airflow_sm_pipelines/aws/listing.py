"""One page of a List operation that tells the states of many resources, the newest first.

Rows of `airflow_sm_pipelines.aws.kinds` say how, in `ResourceKind.newest_first`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import Body, call
from airflow_sm_pipelines.aws.job_facts import state_in_words
from airflow_sm_pipelines.aws.jobs import PROTOCOLS, Outcome
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.kinds.resource_kind import NewestFirst

if TYPE_CHECKING:
    from botocore.client import BaseClient

_SELECTIVE = len("pipelines-")
_LONGEST_FILTER = 63


@dataclass(frozen=True, slots=True)
class Listed:
    """What a List tells of one resource.

    Attributes:
        name: The last part of its reference.
        has_ended: Whether its state is terminal.
        created: When it was created, if the List tells.
        state: Its state in words, with the state within it if the List tells that.
    """

    name: str
    has_ended: bool
    created: datetime | None
    state: str = ""


def list_request(how: NewestFirst, parent: str, names: Collection[str], since: datetime | None) -> dict[str, Any]:
    """Return a List request for resources.

    Args:
        how: How the kind is listed.
        parent: What contains the resources; empty if nothing does.
        names: Their names. What they have in common keeps the jobs of others out, if it is long enough.
        since: Leave out what was created before; ``None`` for no limit.
    """
    request: dict[str, Any] = dict(how.query)
    if how.parent_member:
        request[how.parent_member] = parent
    common = _common_beginning(names)[:_LONGEST_FILTER]
    if how.name_filter and len(common) >= _SELECTIVE:
        request[how.name_filter] = common
    if how.time_filter and since is not None:
        request[how.time_filter] = since
    return request


def list_page(
    client: BaseClient, kind: ResourceKind, request: Body, token: str | None = None
) -> tuple[list[Listed], str | None]:
    """Return one page of a List, and the token of the next page if there is one.

    Args:
        client: A boto3 client of the kind's service.
        kind: A row that says how its resources are listed.
        request: What `list_request` returns.
        token: The token of the page; ``None`` for the first one.

    Raises:
        AwsCallError: The call failed.
    """
    how = kind.newest_first
    if how is None:
        raise TypeError(f"resources of the kind {kind.key} are not listed")
    answer = call(client, kind.list, {**request, **({how.page_token: token} if token else {})})
    page = list(_summaries(client, kind, how, answer.get(kind.summaries_member, ())))
    return page, answer.get(how.page_token) or None


def _summaries(client: BaseClient, kind: ResourceKind, how: NewestFirst, entries: Any) -> Iterator[Listed]:
    protocol = PROTOCOLS[kind.protocol](client, kind)
    for entry in entries:
        status = str(_member(entry, how.status) or "")
        has_ended = protocol.outcome(status) is not Outcome.RUNNING
        state = state_in_words(kind, status, entry)
        yield Listed(str(_member(entry, how.name)), has_ended, _member(entry, how.created), state)


def _member(entry: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        entry = (entry or {}).get(name)
    return entry


def _common_beginning(names: Collection[str]) -> str:
    """Return what all names begin with: what the first and the last of them in alphabetical order begin with."""
    first, last = min(names, default=""), max(names, default="")
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length]
