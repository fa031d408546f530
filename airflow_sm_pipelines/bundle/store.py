"""Where all versions of a bundle are kept: an S3 prefix or a shared folder, for every machine to read.

::

    objects/<sha256>            the content of a file; never changed
    versions/<sha256>.json      the manifest of a version; never changed
    current/<bundle>.json       what the DAG processor has seen last; the one object that is replaced

A version's manifest is written after all of its files. Whoever can read it can read the files.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from airflow_sm_pipelines.aws.calls import call, read_object
from airflow_sm_pipelines.aws.s3_objects import bucket_and_key
from airflow_sm_pipelines.bundle.file_tree import FileTree, digest_of
from airflow_sm_pipelines.errors import AwsCallError, SageMakerPipelinesError

if TYPE_CHECKING:
    from botocore.client import BaseClient

READERS = 8
"""How many objects are read at once; boto3 keeps ten connections."""


class StoreError(SageMakerPipelinesError):
    """The store cannot be read or written, or does not have what it must have."""


class Shelf(Protocol):
    """Named contents in some place."""

    def read(self, name: str) -> bytes | None:
        """Return a content, ``None`` if there is none of that name.

        Raises:
            StoreError: It cannot be read.
        """

    def write(self, name: str, content: bytes) -> None:
        """Write a content, in one piece: a reader sees the old one or the new one.

        Raises:
            StoreError: It cannot be written.
        """


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """A folder that all machines share.

    Attributes:
        folder: The folder; it need not exist.
    """

    folder: Path

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, ``None`` if there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.folder / name} cannot be read: {error}") from error

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside its place, and move it there."""
        place = self.folder / name
        unfinished = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with unfinished.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(place)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{place} cannot be written: {error}") from error


@dataclass(frozen=True, slots=True)
class S3Shelf:
    """An S3 prefix.

    Attributes:
        client: Returns a boto3 client for S3.
        bucket: Name of the bucket.
        prefix: What all keys begin with; empty, or with a slash at its end.
    """

    client: Callable[[], BaseClient]
    bucket: str
    prefix: str

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, ``None`` if there is none."""
        try:
            return read_object(self.client(), self.bucket, self.prefix + name)
        except AwsCallError as error:
            if error.code == "NoSuchKey":
                return None
            raise StoreError(f"s3://{self.bucket}/{self.prefix}{name} cannot be read: {error}") from error

    def write(self, name: str, content: bytes) -> None:
        """Put an object."""
        try:
            call(self.client(), "PutObject", {"Bucket": self.bucket, "Key": self.prefix + name, "Body": content})
        except AwsCallError as error:
            raise StoreError(f"s3://{self.bucket}/{self.prefix}{name} cannot be written: {error}") from error


def shelf_at(place: str, s3_client: Callable[[], BaseClient]) -> Shelf:
    """Return the shelf that a user has named.

    Args:
        place: ``s3://bucket/prefix``, or the absolute path of a folder.
        s3_client: Returns a boto3 client for S3.

    Raises:
        ValueError: It is neither.
    """
    bucket, key = bucket_and_key(place)
    if bucket:
        return S3Shelf(s3_client, bucket, f"{key.strip('/')}/" if key.strip("/") else "")
    if not Path(place).is_absolute() or "://" in place:
        raise ValueError(
            f"store={place!r}: expected s3://BUCKET/PREFIX, or the absolute path of a folder that every machine of "
            "this Airflow can read"
        )
    return FolderShelf(Path(place))


@dataclass(frozen=True, slots=True)
class VersionStore:
    """The versions of a bundle.

    Attributes:
        shelf: Where they are.
    """

    shelf: Shelf

    def write_file(self, content: bytes) -> str:
        """Keep the content of a file and return its sha256.

        Raises:
            StoreError: It cannot be written.
        """
        digest = digest_of(content)
        self.shelf.write(f"objects/{digest}", content)
        return digest

    def write_version(self, tree: FileTree) -> None:
        """Keep a version whose files are all kept already.

        Raises:
            StoreError: It cannot be written.
        """
        self.shelf.write(f"versions/{tree.version}.json", tree.manifest())

    def version(self, version: str) -> FileTree:
        """Return the files of a version.

        Raises:
            StoreError: The store does not have it, or cannot be read.
        """
        manifest = self.shelf.read(f"versions/{version}.json")
        if manifest is None:
            raise StoreError(
                f"the store has no version {version}; it must not be emptied while there are runs of old versions"
            )
        if digest_of(manifest) != version:
            raise StoreError(f"the manifest of version {version} is damaged: its sha256 is {digest_of(manifest)}")
        try:
            return FileTree.from_manifest(manifest)
        except ValueError as error:
            raise StoreError(f"version {version}: {error}") from error

    def file(self, digest: str) -> bytes:
        """Return the content with a sha256.

        Raises:
            StoreError: The store does not have it, or has something else in its place, or cannot be read.
        """
        content = self.shelf.read(f"objects/{digest}")
        if content is None:
            raise StoreError(f"the store has no object {digest}; it must not be emptied")
        if digest_of(content) != digest:
            raise StoreError(f"the object {digest} of the store is damaged: its sha256 is {digest_of(content)}")
        return content

    def files(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return contents by their sha256, read some at a time.

        Raises:
            StoreError: As for `file`.
        """
        wanted = sorted(set(digests))
        with ThreadPoolExecutor(READERS) as readers:
            return dict(zip(wanted, readers.map(self.file, wanted), strict=True))
