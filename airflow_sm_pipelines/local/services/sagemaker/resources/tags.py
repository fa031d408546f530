"""AddTags, DeleteTags, ListTags, for every kind of resource."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, MutableMapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_LIMIT = 50
"""Tags of one resource (AWS General Reference, "Tag naming limits and requirements")."""


class Tags:
    """Tags by ARN.

    Args:
        arn_exists: Tells whether a resource is there.
        records: Where they are kept, by ARN.
    """

    def __init__(
        self, arn_exists: Callable[[str], bool], records: MutableMapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self._arn_exists = arn_exists
        self._lock = threading.Lock()
        self._tags = {} if records is None else records

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {"AddTags": self._add, "DeleteTags": self._delete, "ListTags": self._list}

    def put(self, arn: str, tags: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
        """Set tags of a resource, replacing those of the same keys, and return all of its tags."""
        with self._lock:
            merged = {**self._tags.get(arn, {}), **{tag["Key"]: tag["Value"] for tag in tags}}
            if len(merged) > _LIMIT:  # the text is assumed
                raise validation_error(f"A resource can have at most {_LIMIT} tags; {arn} would have {len(merged)}")
            self._tags[arn] = merged
            return _as_list(merged)

    def of(self, arn: str) -> list[dict[str, str]]:
        """Return all tags of a resource."""
        with self._lock:
            return _as_list(self._tags.get(arn, {}))

    def forget(self, arn: str) -> None:
        """Remove all tags of a resource that is gone."""
        with self._lock:
            self._tags.pop(arn, None)

    def _add(self, _: RequestContext, request: Document) -> Document:
        self._require(request["ResourceArn"])
        return {"Tags": self.put(request["ResourceArn"], request["Tags"])}

    def _delete(self, _: RequestContext, request: Document) -> Document:
        self._require(request["ResourceArn"])
        with self._lock:
            tags = self._tags.get(request["ResourceArn"], {})
            self._tags[request["ResourceArn"]] = {
                key: value for key, value in tags.items() if key not in request["TagKeys"]
            }
        return {}

    def _list(self, _: RequestContext, request: Document) -> Document:
        """List all tags at once: a page holds at least 50, and no resource has more."""
        self._require(request["ResourceArn"])
        return {"Tags": self.of(request["ResourceArn"])}

    def _require(self, arn: str) -> None:
        if not self._arn_exists(arn):
            # Code and text are assumed: these operations model no error, so it must be a common one.
            raise validation_error(f"Could not find resource with ARN: {arn}")


def _as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
