"""Filters, order and pages of the List operations of all kinds of jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc

_FILTERS: Mapping[str, Callable[[Job, Any], bool]] = {
    "NameContains": lambda job, text: text in job.key.name,
    "StatusEquals": lambda job, status: job.status.value == status,
    "CreationTimeAfter": lambda job, moment: job.creation_time > utc(moment),
    "CreationTimeBefore": lambda job, moment: job.creation_time < utc(moment),
    "LastModifiedTimeAfter": lambda job, moment: job.last_modified_time > utc(moment),
    "LastModifiedTimeBefore": lambda job, moment: job.last_modified_time < utc(moment),
}

_SORT_KEYS: Mapping[str, Callable[[Job], str]] = {
    "Name": lambda job: job.key.name,
    "CreationTime": lambda job: sortable(job.creation_time),
    "Status": lambda job: job.status.value,
}


def list_jobs(
    jobs: Sequence[Job], request: Mapping[str, Any], *, default_order: str, default_sort: str = "CreationTime"
) -> tuple[list[Job], str | None]:
    """One page of a List operation.

    Args:
        jobs: All jobs of the kind.
        request: The List request.
        default_order: ``Ascending`` or ``Descending``, as the operation documents it.
        default_sort: ``SortBy`` of a request without it.

    Returns:
        The jobs of the page, and the token of the next one if there is one.

    Raises:
        AwsError: ``ValidationException`` for a token that this service has not given.
    """
    listing = Listing(
        lambda job: job.key.name, _FILTERS, _SORT_KEYS, default_sort=default_sort, default_order=default_order
    )
    return listing.page(jobs, request)
