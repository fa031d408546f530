from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from airflow_sm_pipelines.local.jobs.container import JobFailure, JobFolder, S3Archive, S3Download, S3Upload
from airflow_sm_pipelines.local.jobs.s3_transfer import (
    OutputUploader,
    copy_or_unpack,
    download,
    exists,
    split_uri,
    upload_archive,
)


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path)
    folder.create()
    return folder


def downloaded(bench, folder, uri):
    download(bench.s3, S3Download("data", uri, "/opt/ml/processing/data"), folder)
    root = folder.opt_ml / "processing" / "data"
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_an_object_goes_below_the_path_with_its_last_name(bench, folder):
    bench.put("one/deep/file.csv", "1")
    bench.put("one/deep/file.csv.bak", "2")
    assert downloaded(bench, folder, "s3://test-bucket/one/deep/file.csv") == {"file.csv": "1"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_objects_below_a_prefix_keep_what_follows_it(bench, folder, slash):
    bench.put("pre/a", "1")
    bench.put("pre/b/c", "2")
    assert downloaded(bench, folder, f"s3://test-bucket/pre{slash}") == {"a": "1", "b/c": "2"}


def test_a_prefix_that_ends_within_a_name_keeps_the_name(bench, folder):
    bench.put("parts/part-0.csv", "0")
    bench.put("parts/part-1.csv", "1")
    found = downloaded(bench, folder, "s3://test-bucket/parts/part-")
    assert found == {"part-0.csv": "0", "part-1.csv": "1"}


def test_empty_objects_that_stand_for_folders_become_folders(bench, folder):
    bench.put("console/", "")
    bench.put("console/empty/", "")
    bench.put("console/x", "1")
    assert downloaded(bench, folder, "s3://test-bucket/console/") == {"x": "1"}
    assert (folder.opt_ml / "processing" / "data" / "empty").is_dir()


def test_keys_with_special_characters_survive(bench, folder):
    bench.put("odd/a b+c%20é.txt", "1")
    assert downloaded(bench, folder, "s3://test-bucket/odd/") == {"a b+c%20é.txt": "1"}


def test_a_key_that_leaves_the_folder_fails_the_job(bench, folder):
    bench.put("evil/../../../../escaped", "1")
    with pytest.raises(JobFailure, match="leaves its folder"):
        downloaded(bench, folder, "s3://test-bucket/evil/")


def test_a_path_that_is_file_and_folder_fails_the_job(bench, folder):
    bench.put("both/x", "1")
    bench.put("both/x/y", "2")
    with pytest.raises(JobFailure, match="both a file and a folder"):
        downloaded(bench, folder, "s3://test-bucket/both/")


class OneObjectPerPage:
    """An S3 client that lists one object in a page."""

    def __init__(self, s3):
        self.get_object = s3.get_object
        self._paginator = s3.get_paginator("list_objects_v2")

    def get_paginator(self, _):
        return self

    def paginate(self, **arguments):
        return self._paginator.paginate(**arguments, PaginationConfig={"PageSize": 1})


def test_objects_of_all_pages_are_downloaded(bench, folder):
    for number in range(3):
        bench.put(f"pages/{number}", "")
    source = S3Download("data", "s3://test-bucket/pages/", "/opt/ml/processing/data")
    download(OneObjectPerPage(bench.s3), source, folder)
    assert sorted(os.listdir(folder.opt_ml / "processing" / "data")) == ["0", "1", "2"]


@pytest.mark.parametrize("uri", ["https://bucket/key", "s3://", "s3:///key", "/local/path"])
def test_only_s3_uris_are_taken(uri):
    with pytest.raises(JobFailure, match="s3:// URIs only"):
        split_uri(uri)


@pytest.mark.parametrize("uri", ["s3://bucket/a?b#c", "s3://[bucket/a", "s3://bucket//a%20b", "s3://bucket/"])
def test_bucket_and_key_are_taken_as_they_are(uri):
    bucket, key = split_uri(uri)
    assert f"s3://{bucket}/{key}" == uri


def upload_of(bench, folder, name):
    return OutputUploader(bench.s3, S3Upload("out", "/opt/ml/processing/out", f"s3://test-bucket/{name}"), folder)


@pytest.fixture
def out(folder):
    root = folder.opt_ml / "processing" / "out"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_text("1")
    (root / "sub" / "b").write_text("2")
    return root


@pytest.mark.parametrize("slash", ["", "/"])
def test_files_are_uploaded_below_the_uri(bench, folder, out, slash):
    upload_of(bench, folder, f"up{len(slash)}{slash}").upload()
    assert bench.objects(f"up{len(slash)}/") == {"a": "1", "sub/b": "2"}


def test_links_to_files_and_folders_are_left_out(bench, folder, out, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").touch()
    (out / "folder-link").symlink_to(tmp_path / "elsewhere")
    (out / "file-link").symlink_to(out / "a")
    upload_of(bench, folder, "links").upload()
    assert bench.objects("links/") == {"a": "1", "sub/b": "2"}


def test_an_unchanged_file_is_uploaded_once(bench, folder, out):
    uploader = upload_of(bench, folder, "again")
    uploader.upload()
    bench.s3.delete_object(Bucket="test-bucket", Key="again/a")
    (out / "sub" / "b").write_text("22")
    uploader.upload()
    assert bench.objects("again/") == {"sub/b": "22"}


def test_a_file_that_vanishes_meanwhile_is_left_out(bench, folder, out, monkeypatch):
    uploader = upload_of(bench, folder, "vanishing")
    walk = list(os.walk(out))
    Path(out, "a").unlink()
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    monkeypatch.setattr(os, "walk", lambda _: walk)
    uploader.upload()
    assert bench.objects("vanishing/") == {"sub/b": "2"}


def test_an_output_that_the_script_removed_is_empty(bench, folder):
    upload_of(bench, folder, "removed").upload()
    assert bench.objects("removed/") == {}


def test_an_archive_is_unpacked_where_its_members_are_wanted(bench, folder):
    uri = bench.put_archive("packed/source.tar.gz", {"train.py": "1", "sub/x": "2"})
    bench.put("packed/source.tar.gz.bak", "other")
    download(bench.s3, S3Download("code", uri, "/opt/ml/code", unpack=True), folder)
    root = folder.opt_ml / "code"
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == {"train.py", "sub/x"}


@pytest.mark.parametrize("key", ["unpackable/plain", "unpackable/"])
def test_what_is_no_archive_fails_the_job(bench, folder, key):
    bench.put("unpackable/plain", "no archive")
    source = S3Download("code", f"s3://test-bucket/{key}", "/opt/ml/code", unpack=True)
    with pytest.raises(JobFailure, match=r"cannot be unpacked as a tar archive|no S3 objects found under"):
        download(bench.s3, source, folder)


@pytest.mark.parametrize("has_filters", [True, False])
def test_an_archive_does_not_leave_its_folder(bench, folder, monkeypatch, has_filters):
    if not has_filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    uri = bench.put_archive("leaving.tar.gz", {"../../escaped": "x"})
    with pytest.raises(JobFailure, match="cannot be unpacked"):
        download(bench.s3, S3Download("code", uri, "/opt/ml/code", unpack=True), folder)
    assert not (folder.opt_ml.parent / "escaped").exists()


def test_an_optional_input_may_be_missing(bench, folder):
    download(bench.s3, S3Download("none", "s3://test-bucket/nothing/", "/opt/ml/checkpoints", optional=True), folder)
    assert list((folder.opt_ml / "checkpoints").iterdir()) == []


def test_a_folder_is_copied_and_an_archive_in_it_is_unpacked(folder, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "x").write_text("1")
    copy_or_unpack(source, folder.opt_ml / "code")
    assert (folder.opt_ml / "code" / "sub" / "x").read_text() == "1"


def test_a_folder_becomes_an_archive_unless_it_is_empty(bench, folder):
    output = S3Archive("model", "/opt/ml/model", "s3://test-bucket/archived/model.tar.gz")
    model = folder.opt_ml / "model"
    model.mkdir()
    upload_archive(bench.s3, output, folder)
    assert not exists(bench.s3, output.uri)
    (model / "sub").mkdir()
    (model / "sub" / "weights").write_bytes(b"\xff")
    upload_archive(bench.s3, output, folder)
    assert bench.archive(output.uri) == {"sub/weights": b"\xff"}


def test_a_file_that_is_still_written_is_left_out(bench, folder, out):
    (out / "checkpoint.1").write_text("1")
    (out / "checkpoint.2.sagemaker-ignored").write_text("2")
    upload_of(bench, folder, "unfinished").upload()
    assert "checkpoint.1" in bench.objects_below("unfinished/")
    assert not any("ignored" in key for key in bench.objects_below("unfinished/"))


def test_a_bucket_that_is_not_there_has_no_objects(bench):
    assert not exists(bench.s3, "s3://no-such-bucket/x")
    bench.put("there/x", "1")
    assert exists(bench.s3, "s3://test-bucket/there/")
