"""The store of versions, in a folder and in S3."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from airflow_sm_pipelines.bundle.file_tree import FileTree, digest_of
from airflow_sm_pipelines.bundle.store import FolderShelf, S3Shelf, StoreError, VersionStore, shelf_at
from tests.bundle.conftest import MemoryShelf, refusal


class S3:
    """A stand-in for boto3's client of S3."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.fault: Exception | None = None

    def put_object(self, **request: Any) -> dict[str, Any]:
        if self.fault:
            raise self.fault
        self.objects[request["Bucket"], request["Key"]] = request["Body"]
        return {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        if self.fault:
            raise self.fault
        place = (request["Bucket"], request["Key"])
        if place not in self.objects:
            raise refusal("GetObject", "NoSuchKey", 404)
        return {"Body": io.BytesIO(self.objects[place])}


@pytest.fixture
def s3() -> S3:
    return S3()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> VersionStore:
    place = str(tmp_path / "store") if request.param == "folder" else "s3://bucket/some/prefix"
    return VersionStore(shelf_at(place, lambda: s3))  # type: ignore[arg-type,return-value]


def test_a_version_comes_back_as_it_was_kept(store: VersionStore) -> None:
    tree = FileTree({"dags.py": store.write_file(b"1"), "pipelines/a.json": store.write_file(b"2")})
    store.write_version(tree)

    again = store.version(tree.version)

    assert again == tree
    assert store.files(again.files.values()) == {digest_of(b"1"): b"1", digest_of(b"2"): b"2"}


def test_a_content_is_kept_under_its_digest(store: VersionStore) -> None:
    digest = store.write_file(b"text")
    assert digest == digest_of(b"text")
    assert store.shelf.read(f"objects/{digest}") == b"text"


def test_what_is_not_there_is_nothing(store: VersionStore) -> None:
    assert store.shelf.read("current/ml.json") is None


def test_a_version_that_is_not_there_is_an_error_that_says_so(store: VersionStore) -> None:
    with pytest.raises(StoreError, match="the store has no version abc; it must not be emptied"):
        store.version("abc")
    with pytest.raises(StoreError, match="the store has no object abc"):
        store.file("abc")


def test_damaged_contents_are_refused(store: VersionStore) -> None:
    tree = FileTree({"dags.py": store.write_file(b"1")})
    store.write_version(tree)
    store.shelf.write(f"objects/{digest_of(b'1')}", b"2")
    with pytest.raises(StoreError, match="is damaged"):
        store.file(digest_of(b"1"))
    store.shelf.write(f"versions/{tree.version}.json", b"{}")
    with pytest.raises(StoreError, match="is damaged"):
        store.version(tree.version)


def test_a_version_of_a_newer_package_is_refused(store: VersionStore) -> None:
    manifest = b'{"format": 2, "files": {}}'
    store.shelf.write(f"versions/{digest_of(manifest)}.json", manifest)
    with pytest.raises(StoreError, match="a newer version of the package wrote it"):
        store.version(digest_of(manifest))


def test_keys_begin_with_the_prefix(s3: S3) -> None:
    for place in ("s3://bucket", "s3://bucket/", "s3://bucket/a/b", "s3://bucket/a/b/"):
        shelf_at(place, lambda: s3).write("x", b"")  # type: ignore[arg-type,return-value]
    assert set(s3.objects) == {("bucket", "x"), ("bucket", "a/b/x")}


@pytest.mark.parametrize(
    "fault", [refusal("GetObject", "AccessDenied", 403), ConnectTimeoutError(endpoint_url="https://s3")]
)
def test_a_store_in_s3_that_cannot_be_used_is_an_error_with_the_place(s3: S3, fault: Exception) -> None:
    shelf = S3Shelf(lambda: s3, "bucket", "p/")  # type: ignore[arg-type,return-value]
    s3.fault = fault
    with pytest.raises(StoreError, match="s3://bucket/p/x cannot be read: GetObject"):
        shelf.read("x")
    with pytest.raises(StoreError, match="s3://bucket/p/x cannot be written: PutObject"):
        shelf.write("x", b"")


def test_a_folder_that_cannot_be_used_is_an_error_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shelf = FolderShelf(tmp_path / "file")
    with pytest.raises(StoreError, match=r"file/x cannot be read"):
        shelf.read("x")
    with pytest.raises(StoreError, match=r"file/x cannot be written"):
        shelf.write("x", b"")


def test_a_reader_of_a_shared_folder_never_sees_half_a_content(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    contents = {bytes([number]) * 200_000 for number in range(4)}
    shelf.write("current/ml.json", bytes([0]) * 200_000)
    seen: set[bytes] = set()
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            seen.add(shelf.read("current/ml.json") or b"")

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=shelf.write, args=("current/ml.json", one)) for one in sorted(contents) * 5]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    over.set()
    reader.join()

    assert seen <= contents
    assert [path.name for path in (tmp_path / "current").iterdir()] == ["ml.json"]


@pytest.mark.parametrize("place", ["store", "./store", "gs://bucket/x", "s3://", "~/x"])
def test_a_place_that_is_neither_s3_nor_an_absolute_folder_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="expected s3://BUCKET/PREFIX, or the absolute path"):
        shelf_at(place, lambda: None)  # type: ignore[arg-type,return-value]


def test_many_objects_are_read_at_once() -> None:
    shelf = MemoryShelf()
    store = VersionStore(shelf)
    digests = [store.write_file(str(number).encode()) for number in range(50)]
    meeting = threading.Barrier(4, timeout=10)
    plain = shelf.read

    def read(name: str) -> bytes | None:
        if name in {f"objects/{digest}" for digest in sorted(digests)[:4]}:
            meeting.wait()
        return plain(name)

    shelf.read = read  # type: ignore[method-assign]
    assert len(store.files(digests)) == 50
