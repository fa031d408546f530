"""The files of one version of the bundle: what they are called, which content each has, and what the version is called.

A version is named by a digest of its manifest, and the manifest has the digests of all files. Nothing of a version can
change without changing its name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORMAT = 1


def digest_of(content: bytes) -> str:
    """Return the sha256 of a content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class FileTree:
    """The files of one version.

    Attributes:
        files: sha256 of each file, by its path, which is relative and has slashes.
    """

    files: Mapping[str, str]

    def manifest(self) -> bytes:
        """Return the manifest: JSON, always the same for the same files."""
        document = {"format": _FORMAT, "files": dict(self.files)}
        return json.dumps(document, sort_keys=True, indent=1).encode()

    @property
    def version(self) -> str:
        """Name of the version: the sha256 of its manifest."""
        return digest_of(self.manifest())

    @classmethod
    def from_manifest(cls, manifest: bytes) -> FileTree:
        """Return the tree of a manifest.

        Raises:
            ValueError: It is not a manifest, is of another format, or names a file outside the tree.
        """
        try:
            document: Any = json.loads(manifest)
        except ValueError as error:
            raise ValueError(f"the manifest is not JSON: {error}") from error
        files = document.get("files") if isinstance(document, dict) else None
        if not isinstance(files, dict) or document.get("format") != _FORMAT:
            raise ValueError(f"the manifest is not of format {_FORMAT}: a newer version of the package wrote it")
        for path, digest in files.items():
            if not is_inside(path):
                raise ValueError(f"the manifest has the path {path!r}, which leads out of the version's folder")
            if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
                raise ValueError(f"the manifest has no sha256 for {path!r}")
        return cls(files)


def is_inside(path: str) -> bool:
    """Tell whether a path names a file below the folder that it starts from."""
    parts = path.split("/")
    return "\0" not in path and "\\" not in path and all(part not in ("", ".", "..") for part in parts)
