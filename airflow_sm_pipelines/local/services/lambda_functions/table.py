"""The table of functions: plain JSON documents, changed as wholes."""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.lambda_functions.names import LATEST, FunctionReference


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version of a function, as it is invoked.

    Attributes:
        reference: How the caller has named it.
        version: The version that this means.
        configuration: Its configuration, as the API shows it.
        code: The zip archive.
    """

    reference: FunctionReference
    version: str
    configuration: Document
    code: bytes


class FunctionTable:
    """All functions. Safe for use by many threads.

    Args:
        documents: Where they are kept.
    """

    def __init__(self, documents: MutableMapping[str, Document]) -> None:
        self._documents = documents
        self._lock = threading.RLock()

    def create(
        self, reference: FunctionReference, configuration: Document, code: bytes, tags: Mapping[str, str]
    ) -> Document:
        """Add a function, and return its configuration.

        Raises:
            AwsError: There is one of that name.
        """
        with self._lock:
            if reference.key in self._documents:
                raise AwsError("ResourceConflictException", f"Function already exist: {reference.name}", 409)
            latest = _version(reference, LATEST, configuration, code)
            document = {"versions": {LATEST: latest}, "aliases": {}, "tags": dict(tags), "published": 0}
            self._documents[reference.key] = document
            return _shown(latest)

    def find(self, reference: FunctionReference) -> FunctionVersion:
        """Return the version that a reference means.

        Raises:
            AwsError: It is not there.
        """
        with self._lock:
            document = self.document(reference)
            version = document["aliases"].get(reference.qualifier, {}).get("FunctionVersion") or reference.qualifier
            found = document["versions"].get(version or LATEST)
            if found is None:
                raise reference.not_found()
            code = base64.b64decode(found["code"])
            return FunctionVersion(reference, version or LATEST, _shown(found), code)

    def document(self, reference: FunctionReference) -> Document:
        """Return the whole document of a function.

        Raises:
            AwsError: It is not there.
        """
        if reference.key not in self._documents:
            raise reference.not_found()
        return self._documents[reference.key]

    @contextmanager
    def changing(self, reference: FunctionReference) -> Iterator[dict[str, Any]]:
        """Change a function's document: a copy of its first level, which replaces it at the end.

        Raises:
            AwsError: It is not there.
        """
        with self._lock:
            document = dict(self.document(reference))
            yield document
            self._documents[reference.key] = document

    def update(self, reference: FunctionReference, changes: Document, code: bytes | None = None) -> Document:
        """Change configuration and, if given, code of the latest version, and return its configuration.

        Raises:
            AwsError: The function is not there.
        """
        with self.changing(reference) as document:
            latest = document["versions"][LATEST]
            kept = base64.b64decode(latest["code"]) if code is None else code
            changed = _version(reference, LATEST, {**latest["configuration"], **changes}, kept)
            document["versions"] = {**document["versions"], LATEST: changed}
        return _shown(changed)

    def publish(self, reference: FunctionReference) -> Document:
        """Make a version of what is latest; the last one, if it is the same. Returns its configuration.

        Raises:
            AwsError: The function is not there.
        """
        with self.changing(reference) as document:
            latest = document["versions"][LATEST]
            code, last = base64.b64decode(latest["code"]), document["versions"].get(str(document["published"]))
            if last is not None and _content(last) == _content(latest):
                return _shown(last)
            number = document["published"] + 1
            published = _version(reference, str(number), latest["configuration"], code)
            document["versions"] = {**document["versions"], str(number): published}
            document["published"] = number
        return _shown(published)

    def delete(self, reference: FunctionReference) -> None:
        """Remove a function, or the one version that the reference names.

        Raises:
            AwsError: It is not there.
        """
        with self._lock:
            if not reference.qualifier:
                self.document(reference)
                del self._documents[reference.key]
                return
            with self.changing(reference) as document:
                if reference.qualifier not in document["versions"] or reference.qualifier == LATEST:
                    raise reference.not_found()
                rest = {name: one for name, one in document["versions"].items() if name != reference.qualifier}
                document["versions"] = rest

    def all_of(self, region: str) -> list[Document]:
        """Return the latest configurations of a region, by name."""
        with self._lock:
            keys = sorted(key for key in self._documents if key.startswith(f"{region}/"))
            return [_shown(self._documents[key]["versions"][LATEST]) for key in keys]


def _version(reference: FunctionReference, version: str, configuration: Document, code: bytes) -> Document:
    arn = FunctionReference(reference.region, reference.name, "" if version == LATEST else version).arn
    own = {
        "FunctionName": reference.name,
        "FunctionArn": arn,
        "Version": version,
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "LastModified": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "RevisionId": str(uuid.uuid4()),
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    return {"configuration": {**configuration, **own}, "code": base64.b64encode(code).decode()}


_OF_THE_VERSION = frozenset({"FunctionArn", "Version", "LastModified", "RevisionId"})


def _content(version: Document) -> tuple[Any, ...]:
    configuration = {name: v for name, v in version["configuration"].items() if name not in _OF_THE_VERSION}
    return configuration, version["code"]


def _shown(version: Document) -> Document:
    configuration: Document = version["configuration"]
    return configuration
