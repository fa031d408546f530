"""Downloads of a job's inputs from S3 and uploads of its outputs."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from airflow_sm_pipelines.local.jobs.container import JobFailure, JobFolder, S3Archive, S3Download, S3Upload

_IGNORED_SUFFIX = ".sagemaker-ignored"
"""Of files that a container is still writing (SageMaker's XGBoost container names its checkpoints so)."""


def split_uri(uri: str) -> tuple[str, str]:
    """Return the bucket and key of ``s3://bucket/key``, each as it is: ``?``, ``#`` and ``%`` are parts of a key.

    Raises:
        JobFailure: It is no S3 URI.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise JobFailure(f"ClientError: the local AWS reads and writes s3:// URIs only, not {uri}")
    return bucket, key


def exists(s3: BaseClient, uri: str) -> bool:
    """Tell whether there is an object at a URI, or below it."""
    bucket, prefix = split_uri(uri)
    try:
        return bool(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))
    except ClientError:  # there is no such bucket
        return False


def download(s3: BaseClient, source: S3Download, folder: JobFolder) -> None:
    """Bring the objects of one input into the job's folder.

    An object goes to ``<path>/<its last name>``; the objects below a prefix keep what follows the prefix. A prefix
    that ends within a name (``data/part-``) keeps that whole name: *assumed*, AWS documents only that all objects
    with the prefix are used.

    Raises:
        JobFailure: There is nothing at the URI, or two objects need the same path to be a file and a folder.
    """
    bucket, prefix = split_uri(source.uri)
    target = folder.locate(source.path)
    target.mkdir(parents=True, exist_ok=True)
    keys = _list_keys(s3, bucket, prefix, source)
    if source.unpack:
        archive = folder.scratch / "archive"
        _download_object(s3, bucket, prefix, archive, source)
        copy_or_unpack(archive, target)
        return
    for key in [prefix] if prefix in keys and not prefix.endswith("/") else keys:
        _download_object(s3, bucket, key, target / _relative_path(key, prefix), source)


def _list_keys(s3: BaseClient, bucket: str, prefix: str, source: S3Download) -> list[str]:
    try:
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except ClientError as error:
        # AWS's reasons for a failed download begin so (public reports); what follows varies there, too.
        raise JobFailure(
            f"ClientError: Data download failed: input {source.name}: {source.uri}: {_why(error)}"
        ) from error
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    if source.unpack and prefix not in keys:
        keys = []
    if not keys and not source.optional:
        raise JobFailure(
            f"ClientError: Data download failed: input {source.name}: no S3 objects found under {source.uri}"
        )
    return keys


def _relative_path(key: str, prefix: str) -> str:
    rest = key[len(prefix) :]
    if prefix == "" or prefix.endswith("/") or rest.startswith("/"):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _download_object(s3: BaseClient, bucket: str, key: str, path: Path, source: S3Download) -> None:
    try:
        if ".." in path.parts:
            raise JobFailure(f"ClientError: input {source.name}: the key {key} leaves its folder")
        if key.endswith("/"):  # consoles mark a folder by an empty object
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # get_object, not download_file: that asks for the size first and starts threads for each small file
        with path.open("wb") as file:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], file)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise JobFailure(
            f"ClientError: input {source.name}: s3://{bucket}/{key} is both a file and a folder"
        ) from error


def copy_or_unpack(source: Path, target: Path) -> None:
    """Bring the members of a gzip-compressed tar archive, or the files of a folder, into a folder.

    Raises:
        JobFailure: It is neither.
    """
    target.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        return
    try:
        with tarfile.open(source, "r:*") as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(target, filter="data")
            else:  # Python 3.11.0 to 3.11.3
                archive.extractall(target, [*_harmless(archive)])  # noqa: S202 - they are checked
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobFailure(f"ClientError: {source.name} cannot be unpacked as a tar archive: {error}") from error


def _harmless(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the files and folders of an archive, none of them outside of its folder."""
    for member in archive.getmembers():
        parts = Path(member.name).parts
        if ".." in parts or "/" in parts:
            raise tarfile.TarError(f"{member.name} is outside of the archive's folder")
        if member.isfile() or member.isdir():
            yield member


def upload_archive(s3: BaseClient, output: S3Archive, folder: JobFolder) -> None:
    """Upload a folder as one archive, unless it is empty.

    Raises:
        JobFailure: S3 refused.
    """
    root = folder.locate(output.path)
    if not any(root.iterdir()):
        return
    path = folder.scratch / f"{output.name}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for entry in sorted(root.iterdir()):
            archive.add(entry, arcname=entry.name)
    bucket, key = split_uri(output.uri)
    _put_file(s3, path, bucket, key, output)


def _put_file(s3: BaseClient, path: Path, bucket: str, key: str, output: S3Upload | S3Archive) -> None:
    try:
        # put_object, not upload_file: that wraps the reason, and one machine's files need no multipart
        with path.open("rb") as file:
            s3.put_object(Bucket=bucket, Key=key, Body=file)
    except ClientError as error:
        raise JobFailure(
            f"ClientError: Data upload failed: output {output.name}: {output.uri}: {_why(error)}"
        ) from error


class OutputUploader:
    """An uploader of one output; it uploads each state of a file once.

    Args:
        s3: S3 client.
        output: What to upload, and where to.
        folder: The job's folder.
    """

    def __init__(self, s3: BaseClient, output: S3Upload, folder: JobFolder) -> None:
        self._s3 = s3
        self._output = output
        self._root = folder.locate(output.path)
        self._uploaded: dict[Path, tuple[int, int]] = {}

    def upload(self) -> None:
        """Upload what is new or has changed. Symbolic links are not uploaded, as on AWS.

        Raises:
            JobFailure: S3 refused.
        """
        bucket, prefix = split_uri(self._output.uri)
        for path in _files(self._root):
            key = "/".join(filter(None, (prefix.rstrip("/"), path.relative_to(self._root).as_posix())))
            try:
                self._upload_if_changed(path, bucket, key)
            except FileNotFoundError:  # the running job has deleted it meanwhile
                continue

    def _upload_if_changed(self, path: Path, bucket: str, key: str) -> None:
        status = path.stat()
        state = (status.st_mtime_ns, status.st_size)
        if self._uploaded.get(path) != state:
            _put_file(self._s3, path, bucket, key, self._output)
            self._uploaded[path] = state


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):  # does not follow links to folders
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and path.suffix != _IGNORED_SUFFIX:
                yield path


def _why(error: ClientError) -> str:
    details = error.response["Error"]
    return f"{details.get('Code')} ({details.get('Message')})"
