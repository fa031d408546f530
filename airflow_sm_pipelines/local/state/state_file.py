"""The state that outlives the process: one SQLite file with named collections of JSON documents and of S3 objects.

Every change is written before the call that made it is answered. Without a file there are plain dictionaries instead,
and nothing outlives the process.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import LocalAwsError

_FILE_NAME = "local-aws.sqlite"
_FORMAT = 1
"""Written into the file; a file of another format is refused."""

_TABLES = """
CREATE TABLE IF NOT EXISTS records (collection TEXT, key TEXT, document TEXT, PRIMARY KEY (collection, key));
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, region TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS objects (bucket TEXT, key TEXT, headers TEXT, body BLOB, PRIMARY KEY (bucket, key));
"""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RecordForm(Generic[Key, Value]):
    """The stored form of a collection's entries.

    Attributes:
        write_key: The key as a text.
        read_key: The reverse.
        write: The value as plain JSON.
        read: The reverse, given the key.
    """

    write_key: Callable[[Key], str]
    read_key: Callable[[str], Key]
    write: Callable[[Value], Any]
    read: Callable[[Key, Any], Value]


DOCUMENTS: RecordForm[str, Document] = RecordForm(str, str, dict, lambda _, document: document)
"""Collections whose entries are plain JSON already."""


class StateFile:
    """The file. One process at a time uses it.

    Args:
        folder: Where it is; created.

    Raises:
        LocalAwsError: Another process uses it, or it is not ours.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / _FILE_NAME
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=1.0)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise LocalAwsError(f"the state in {self._path} cannot be used: {error}") from error
        except LocalAwsError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # survives the process, not a loss of power
        [found] = self._connection.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise LocalAwsError(
                f"{self._path} has format {found}; this version reads format {_FORMAT}; choose another folder"
            )
        self._connection.executescript(_TABLES)
        self._connection.execute(f"PRAGMA user_version = {_FORMAT}")

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, all or nothing, and return its rows."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._connection.close()


class StoredRecords(MutableMapping[Key, Value]):
    """A collection of a file: read once, then kept in memory and written through.

    Args:
        file: The file.
        collection: Name of the collection.
        form: How its entries are written.
    """

    def __init__(self, file: StateFile, collection: str, form: RecordForm[Key, Value]) -> None:
        self._file = file
        self._collection = collection
        self._form = form
        self._values: dict[Key, Value] = {}
        rows = file.execute("SELECT key, document FROM records WHERE collection = ? ORDER BY rowid", collection)
        for text, document in rows:
            key = form.read_key(text)
            self._values[key] = form.read(key, json.loads(document))

    def __getitem__(self, key: Key) -> Value:
        return self._values[key]

    def __setitem__(self, key: Key, value: Value) -> None:
        self._file.execute(
            "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document",
            self._collection,
            self._form.write_key(key),
            json.dumps(self._form.write(value)),
        )
        self._values[key] = value

    def __delitem__(self, key: Key) -> None:
        del self._values[key]
        self._file.execute(
            "DELETE FROM records WHERE collection = ? AND key = ?", self._collection, self._form.write_key(key)
        )

    def __iter__(self) -> Iterator[Key]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def collection(file: StateFile | None, name: str, form: RecordForm[Key, Value]) -> MutableMapping[Key, Value]:
    """Return a collection, which is kept in memory only if there is no file.

    Args:
        file: The state file, if there is one.
        name: Name of the collection.
        form: How its entries are written.
    """
    return {} if file is None else StoredRecords(file, name, form)
