"""Resources without a lifecycle: models, model packages and their groups, experiments, trials."""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.settings import ACCOUNT_ID


@dataclass(frozen=True, slots=True)
class ResourceKey:
    """One resource: names are unique for each kind, account and region.

    Attributes:
        kind: Resource type in the ARN, e.g. ``processing-job``.
        region: AWS region.
        name: Name of the resource; ``group/version`` for a model package of a group.
    """

    kind: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The resource's ARN."""
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT_ID}:{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource at one moment; times are in UTC.

    Attributes:
        key: Which resource.
        members: What its Create request said, and what the service added; plain JSON.
        creation_time: When it was created.
        last_modified_time: When it changed last.
    """

    key: ResourceKey
    members: Document
    creation_time: datetime
    last_modified_time: datetime


class ResourceTable:
    """All resources, by key. Safe for use by many threads; what it hands out never changes.

    Args:
        records: Where they are kept.
    """

    def __init__(self, records: MutableMapping[ResourceKey, Resource] | None = None) -> None:
        self._lock = threading.RLock()
        self._records = {} if records is None else records

    def create(self, key: ResourceKey, members: Document, refusal: AwsError) -> Resource:
        """Add a resource.

        Raises:
            AwsError: ``refusal``, because there is one with this key.
        """
        now = datetime.now(UTC)
        with self._lock:
            if key in self._records:
                raise refusal
            resource = Resource(key, members, creation_time=now, last_modified_time=now)
            self._records[key] = resource
            return resource

    def find(self, key: ResourceKey) -> Resource | None:
        """Return the resource as it is now, or ``None``."""
        with self._lock:
            return self._records.get(key)

    def get(self, key: ResourceKey, refusal: AwsError) -> Resource:
        """Return the resource as it is now.

        Raises:
            AwsError: ``refusal``, because there is none with this key.
        """
        resource = self.find(key)
        if resource is None:
            raise refusal
        return resource

    def change(self, key: ResourceKey, edit: Callable[[Document], Document]) -> Resource:
        """Replace the members of an existing resource by what ``edit`` makes of them."""
        with self._lock:
            before = self._records[key]
            after = replace(before, members=edit(before.members), last_modified_time=datetime.now(UTC))
            self._records[key] = after
            return after

    def delete(self, key: ResourceKey, refusal: AwsError) -> None:
        """Remove a resource.

        Raises:
            AwsError: ``refusal``, because there is none with this key.
        """
        with self._lock:
            if key not in self._records:
                raise refusal
            del self._records[key]

    def resources(self, kind: str, region: str) -> list[Resource]:
        """Return all resources of a kind in a region, in the order of their creation."""
        with self._lock:
            found = [one for key, one in self._records.items() if (key.kind, key.region) == (kind, region)]
        return sorted(found, key=lambda resource: resource.creation_time)

    def arn_exists(self, arn: str) -> bool:
        """Tell whether a resource has this ARN."""
        with self._lock:
            return any(key.arn == arn for key in self._records)
