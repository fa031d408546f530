"""The List operations of models, model packages and their groups, which filter and sort alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource

_NO_FILTERS: Mapping[str, Callable[[Resource, Any], bool]] = {}


def resource_listing(
    *, default_order: str, filters: Mapping[str, Callable[[Resource, Any], bool]] = _NO_FILTERS
) -> Listing[Resource]:
    """How a kind of resource is listed: by name or time, filtered by name, time and its own filters."""
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
