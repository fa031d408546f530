"""Filters, order and pages of the List operations of all kinds of jobs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.sagemaker.job_table import Job

_DEFAULT_PAGE = 10
"""*Assumed* where MaxResults is not given; AWS documents only its range, 1 to 100."""

_FILTERS: Mapping[str, Callable[[Job, Any], bool]] = {
    "NameContains": lambda job, text: text in job.key.name,
    "StatusEquals": lambda job, status: job.status.value == status,
    "CreationTimeAfter": lambda job, moment: job.creation_time > _utc(moment),
    "CreationTimeBefore": lambda job, moment: job.creation_time < _utc(moment),
    "LastModifiedTimeAfter": lambda job, moment: job.last_modified_time > _utc(moment),
    "LastModifiedTimeBefore": lambda job, moment: job.last_modified_time < _utc(moment),
}

_SORT_KEYS: Mapping[str, Callable[[Job], str]] = {
    "Name": lambda job: job.key.name,
    "CreationTime": lambda job: job.creation_time.isoformat(timespec="microseconds"),
    "Status": lambda job: job.status.value,
}


def list_jobs(jobs: Sequence[Job], request: Mapping[str, Any], *, default_order: str) -> tuple[list[Job], str | None]:
    """One page of a List operation.

    Args:
        jobs: All jobs of the kind.
        request: The List request.
        default_order: ``Ascending`` or ``Descending``, as the operation documents it.

    Returns:
        The jobs of the page, and the token of the next one if there is one.

    Raises:
        AwsError: ``ValidationException`` for a token that this service has not given.
    """
    filters = {member: request[member] for member in _FILTERS if request.get(member) is not None}
    wanted = [job for job in jobs if all(_FILTERS[member](job, value) for member, value in filters.items())]
    sort_key = _SORT_KEYS[request.get("SortBy", "CreationTime")]
    descending = request.get("SortOrder", default_order) == "Descending"
    wanted.sort(key=lambda job: (sort_key(job), job.key.name), reverse=descending)
    if token := request.get("NextToken"):
        last = _read_token(token)
        position = [[sort_key(job), job.key.name] for job in wanted]
        wanted = [job for job, at in zip(wanted, position, strict=True) if (at < last if descending else at > last)]
    size = request.get("MaxResults", _DEFAULT_PAGE)
    page, more = wanted[:size], wanted[size:]
    return page, _token(sort_key(page[-1]), page[-1].key.name) if more else None


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _token(*position: str) -> str:
    """Where a page ended: jobs created meanwhile neither repeat nor hide others."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _read_token(token: str) -> list[str]:
    try:
        position = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        position = None
    if not isinstance(position, list) or [type(part) for part in position] != [str, str]:
        raise validation_error("Invalid NextToken")
    return position
