"""Manifests of versions."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.bundle.file_tree import FileTree, digest_of, is_inside

NAMES = st.text(string.ascii_letters + string.digits + "._-é ", min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, st.binary(max_size=30).map(digest_of), max_size=6)


@given(FILES)
def test_a_manifest_gives_the_same_files_again(files: dict[str, str]) -> None:
    tree = FileTree(files)
    again = FileTree.from_manifest(tree.manifest())
    assert again == tree
    assert again.version == tree.version


@given(FILES, FILES)
def test_two_trees_have_one_version_only_if_they_are_equal(one: dict[str, str], other: dict[str, str]) -> None:
    assert (FileTree(one).version == FileTree(other).version) == (one == other)


@given(FILES, st.randoms())
def test_the_order_of_the_files_does_not_count(files: dict[str, str], random: object) -> None:
    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert FileTree(dict(shuffled)).version == FileTree(files).version


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", "a//b", "", ".", "a/", "a\\b", "a\0"])
def test_a_path_that_leads_out_of_the_folder_is_refused(path: str) -> None:
    assert not is_inside(path)
    manifest = json.dumps({"format": 1, "files": {path: digest_of(b"")}}).encode()
    with pytest.raises(ValueError, match="leads out of the version's folder"):
        FileTree.from_manifest(manifest)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not of format 1"),
        (b'{"format": 2, "files": {}}', "not of format 1"),
        (b'{"format": 1, "files": {"a": "b"}}', "no sha256 for 'a'"),
    ],
)
def test_what_is_no_manifest_is_refused(manifest: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FileTree.from_manifest(manifest)
