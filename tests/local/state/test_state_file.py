from __future__ import annotations

import sqlite3

import pytest

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.state.state_file import RecordForm, StateFile, StoredRecords

FORM = RecordForm(str, int, lambda value: {"value": value}, lambda _, document: document["value"])


@pytest.fixture
def reopen(tmp_path):
    """Opens the same file again, as a new process would."""
    opened = []

    def open_file():
        while opened:
            opened.pop().close()
        opened.append(StateFile(tmp_path / "new" / "state"))
        return opened[0]

    yield open_file
    opened[0].close()


def test_entries_are_there_again(reopen):
    records = StoredRecords(reopen(), "numbers", FORM)
    records.update({1: "one", 2: "two", 3: "three"})
    records[2] = "zwei"
    del records[3]
    again = StoredRecords(reopen(), "numbers", FORM)
    assert dict(again) == {1: "one", 2: "zwei"}
    assert list(again) == [1, 2]


def test_collections_are_apart(reopen):
    file = reopen()
    StoredRecords(file, "a", FORM)[1] = "one"
    assert dict(StoredRecords(file, "b", FORM)) == {}


def test_a_missing_entry_cannot_be_deleted(reopen):
    with pytest.raises(KeyError):
        del StoredRecords(reopen(), "a", FORM)[1]


def test_only_one_process_uses_a_file(reopen, tmp_path):
    StoredRecords(reopen(), "a", FORM)[1] = "one"
    with pytest.raises(LocalAwsError, match=r"local-aws.sqlite cannot be used: database is locked"):
        StateFile(tmp_path / "new" / "state")


def test_a_file_of_another_format_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / "local-aws.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LocalAwsError, match="has format 99; this version reads format 1; choose another folder"):
        StateFile(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "local-aws.sqlite").write_text("hello" * 1000)
    with pytest.raises(LocalAwsError, match="cannot be used: file is not a database"):
        StateFile(tmp_path)
