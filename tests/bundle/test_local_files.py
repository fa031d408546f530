"""The folders of versions on a machine."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from airflow_sm_pipelines.bundle import local_files
from airflow_sm_pipelines.bundle.file_tree import FileTree, digest_of
from airflow_sm_pipelines.bundle.local_files import STALE_SECONDS, make_version, note_use, remove_old_versions
from airflow_sm_pipelines.bundle.store import FolderShelf, StoreError, VersionStore
from tests.bundle.conftest import MemoryShelf


def keep(store: VersionStore, files: dict[str, bytes]) -> str:
    tree = FileTree({path: store.write_file(content) for path, content in files.items()})
    store.write_version(tree)
    return tree.version


def found(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


FILES = {"dags.py": b"1", "pipelines/a.json": b"2", "pipelines/b.json": b"2"}


def test_a_version_has_its_files(tmp_path: Path) -> None:
    store = VersionStore(MemoryShelf())
    version = keep(store, FILES)
    assert found(make_version(store, version, tmp_path)) == FILES
    assert [path.name for path in tmp_path.iterdir()] == [version]


def test_a_version_that_is_there_costs_nothing(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    store = VersionStore(shelf)
    version = keep(store, FILES)
    make_version(store, version, tmp_path)
    shelf.count()
    make_version(store, version, tmp_path)
    assert shelf.count() == []


def test_what_the_newest_version_has_already_is_not_read_again(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    store = VersionStore(shelf)
    make_version(store, keep(store, FILES), tmp_path)
    version = keep(store, {**FILES, "pipelines/b.json": b"new"})
    shelf.count()

    assert found(make_version(store, version, tmp_path)) == {**FILES, "pipelines/b.json": b"new"}
    assert shelf.count() == ["read versions", "read objects"]


def test_a_file_that_somebody_has_changed_on_this_machine_is_not_taken_over(tmp_path: Path) -> None:
    store = VersionStore(MemoryShelf())
    (make_version(store, keep(store, FILES), tmp_path) / "dags.py").write_bytes(b"changed")
    version = keep(store, {**FILES, "pipelines/b.json": b"new"})
    assert found(make_version(store, version, tmp_path))["dags.py"] == b"1"


def test_a_version_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process leaves that is killed while it writes is in the way of nobody."""
    store = VersionStore(MemoryShelf())
    version = keep(store, FILES)
    seen: list[bool] = []
    move = local_files._move

    def look_and_move(unfinished: Path, place: Path) -> None:
        seen.append(place.exists())
        assert found(unfinished) == FILES
        move(unfinished, place)

    monkeypatch.setattr(local_files, "_move", look_and_move)
    (tmp_path / ".unfinished-killed").mkdir()
    make_version(store, version, tmp_path)
    assert seen == [False]


def test_a_version_that_the_store_lacks_leaves_no_folder(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    store = VersionStore(shelf)
    version = keep(store, FILES)
    del shelf.contents[f"objects/{digest_of(b'2')}"]
    with pytest.raises(StoreError):
        make_version(store, version, tmp_path)
    assert list(tmp_path.iterdir()) == []


def _make(folder: str, version: str, parent: str, start: object, answers: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    made = make_version(VersionStore(FolderShelf(Path(folder))), version, Path(parent))
    answers.put(found(made))  # type: ignore[attr-defined]


def test_several_processes_can_make_one_version_at_once(tmp_path: Path) -> None:
    store = VersionStore(FolderShelf(tmp_path / "store"))
    files = {f"pipelines/{number}.json": str(number).encode() * 1000 for number in range(40)}
    version = keep(store, files)
    spawn = multiprocessing.get_context("fork")
    start, answers = spawn.Event(), spawn.Queue()
    arguments = (str(tmp_path / "store"), version, str(tmp_path / "machine"), start, answers)
    processes = [spawn.Process(target=_make, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()

    assert [answers.get(timeout=60) for _ in processes] == [files] * 4
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert [path.name for path in (tmp_path / "machine").iterdir()] == [version]


def test_versions_that_were_not_used_for_an_hour_are_removed(tmp_path: Path) -> None:
    old = time.time() - STALE_SECONDS - 60
    for name in ("current", "old", "used", ".unfinished-old", ".unfinished-new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
        os.utime(tmp_path / name, (old, old))
    note_use(tmp_path / "used")
    os.utime(tmp_path / ".unfinished-new")

    remove_old_versions(tmp_path, "current")

    assert sorted(path.name for path in tmp_path.iterdir()) == [".unfinished-new", "current", "used"]
