"""The files of versions on this machine, each version in a folder of its own that is complete as soon as it is there.

Several processes may make the same folder at once, and each may be killed: all work is done in a folder beside it, and
moving that one to its place is the last act.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from airflow_sm_pipelines.bundle.file_tree import FileTree, digest_of
from airflow_sm_pipelines.bundle.store import VersionStore

_UNFINISHED = ".unfinished-"
STALE_SECONDS = 3600.0
"""After this time nobody reads an old version any more in which no task runs, and nobody still makes a folder."""


def make_version(store: VersionStore, version: str, parent: Path) -> Path:
    """Return the folder with the files of a version, made from the store if it is not there.

    Args:
        store: Where the versions are kept.
        version: The version.
        parent: The folder in which its folder is.

    Raises:
        StoreError: The store does not have it, or cannot be read.
        OSError: This machine's disk does not take it.
    """
    place = parent / version
    if not place.is_dir():
        tree = store.version(version)
        unfinished = parent / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            _write(tree, _contents(tree, store, parent), unfinished)
            _move(unfinished, place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return place


def _contents(tree: FileTree, store: VersionStore, parent: Path) -> dict[str, bytes]:
    """Return the contents of a version by their sha256: from the newest other version, the rest from the store."""
    newest = max(_versions(parent), key=_last_use, default=None)
    found: dict[str, bytes] = {}
    for path, digest in tree.files.items() if newest else ():
        try:
            content = (newest / path).read_bytes() if newest else b""
        except OSError:  # it has no such file, or is being removed
            continue
        if digest_of(content) == digest:
            found[digest] = content
    return {**found, **store.files(digest for digest in tree.files.values() if digest not in found)}


def _write(tree: FileTree, contents: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path, digest in tree.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(contents[digest])


def _move(unfinished: Path, place: Path) -> None:
    try:
        unfinished.rename(place)
    except OSError:
        if not place.is_dir():  # else another process was faster, with the same files
            raise


def remove_old_versions(parent: Path, current: str) -> None:
    """Remove what nobody reads any more: versions that were not used for an hour, and what was never finished.

    Args:
        parent: The folder with the folders of versions; not that of Airflow, which removes old versions by itself.
        current: The version that stays.
    """
    oldest = time.time() - STALE_SECONDS
    for folder in [*_versions(parent), *parent.glob(f"{_UNFINISHED}*")]:
        if folder.name != current and _last_use(folder) < oldest:
            shutil.rmtree(folder, ignore_errors=True)  # another process may be at it, too


def note_use(folder: Path) -> None:
    """Note that somebody uses a version now."""
    with suppress(PermissionError):  # it belongs to another user (``run_as_user``), whose processes note their own use
        os.utime(folder)


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process has removed it
        return 0.0


def _versions(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from (folder for folder in parent.iterdir() if folder.is_dir() and not folder.name.startswith("."))
