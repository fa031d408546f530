"""The work of a job's container, whatever kind of job it is, and its place on this machine."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_sm_pipelines.local.jobs.metrics import MetricDefinition

OPT_ML = "/opt/ml"

_MOUNT_POINT = re.compile(r"(/[A-Za-z0-9_.-]+)+")
"""Colons and commas would say something else to Docker."""


class JobFailure(Exception):  # noqa: N818 - the job's, not ours
    """A failure of the job; the message is its failure reason.

    Reasons begin with the class that SageMaker uses: ``AlgorithmError`` (the container), ``ClientError`` (what
    the user gave), ``InternalServerError`` (the service).
    """


@dataclass(frozen=True, slots=True)
class S3Download:
    """Objects to download into the container before it starts.

    Attributes:
        name: Name of the input, for messages.
        uri: ``s3://bucket/key`` of one object, or of a prefix.
        path: Folder in the container, below ``/opt/ml``.
        unpack: Whether the one object is a gzip-compressed tar archive whose members are wanted.
        optional: Whether there may be nothing.
    """

    name: str
    uri: str
    path: str
    unpack: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Unpacking:
    """An archive that comes with an input, to be unpacked before the container starts.

    Attributes:
        archive: The archive, or a folder to copy, in the container, below ``/opt/ml``.
        path: Folder in the container, below ``/opt/ml``.
    """

    archive: str
    path: str


@dataclass(frozen=True, slots=True)
class S3Upload:
    """A folder of the container to upload to S3.

    Attributes:
        name: Name of the output, for messages.
        path: Folder in the container, below ``/opt/ml``.
        uri: ``s3://bucket/prefix``.
        continuous: Whether to upload while the job runs, too.
    """

    name: str
    path: str
    uri: str
    continuous: bool = False


@dataclass(frozen=True, slots=True)
class S3Archive:
    """A folder of the container to upload to S3 as one gzip-compressed tar archive, unless it is empty.

    Attributes:
        name: Name of the output, for messages.
        path: Folder in the container, below ``/opt/ml``.
        uri: ``s3://bucket/key`` of the archive.
    """

    name: str
    path: str
    uri: str


def reason_of_exit_code(_: JobFolder, exit_code: int) -> str:
    """Return the failure reason of a job of which only the exit code is known.

    The text is that of the developer guide's example of a failed processing job (troubleshooting of processing jobs);
    older reports have "AlgorithmError: See job logs for more information".
    """
    return f"AlgorithmError: , exit code: {exit_code}"


def reason_of_runtime(folder: JobFolder, exit_code: int) -> str:
    """Return what the local AWS's own program gave as the reason, or the exit code of what it has run."""
    path = folder.locate(f"{OPT_ML}/output/failure")
    return path.read_text(errors="replace") if path.is_file() else reason_of_exit_code(folder, exit_code)


@dataclass(frozen=True, slots=True)
class ImageRun:
    """The run of an image as a container, in the terms of ``docker run``.

    Attributes:
        image: The image.
        entrypoint: What replaces the image's ``ENTRYPOINT``, and its ``CMD`` with it; empty keeps both.
        arguments: What replaces the image's ``CMD``; empty keeps it, unless there is an entrypoint.
    """

    image: str
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A container that serves a model to the job's command.

    Attributes:
        run: Its image.
        environment: Its variables.
        model_path: Folder of the job's files that it sees as ``/opt/ml/model``.
    """

    run: ImageRun
    environment: Mapping[str, str]
    model_path: str


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container's work.

    Attributes:
        command: The command and its arguments; empty if an image runs.
        environment: What the job sets; the rest is in `JobSite`.
        downloads: Inputs.
        unpackings: Archives among the inputs.
        uploads: Outputs.
        archives: Outputs that become archives.
        metrics: What to look for in the output.
        failure_reason: Tells from folder and exit code why the job failed.
        files: Texts of files to put into the container, by path.
        max_runtime_seconds: When the command is stopped; ``None`` for never.
        image_run: The image that runs in Docker instead of a command.
        servers: Images that run in Docker beside the command, which sends them requests.
        log_group: CloudWatch log group of its output.
        log_stream: CloudWatch log stream of its output.
    """

    command: tuple[str, ...]
    log_group: str
    log_stream: str
    environment: Mapping[str, str] = field(default_factory=dict)
    downloads: tuple[S3Download, ...] = ()
    unpackings: tuple[Unpacking, ...] = ()
    uploads: tuple[S3Upload, ...] = ()
    archives: tuple[S3Archive, ...] = ()
    metrics: tuple[MetricDefinition, ...] = ()
    failure_reason: Callable[[JobFolder, int], str] = reason_of_exit_code
    files: Mapping[str, str] = field(default_factory=dict)
    max_runtime_seconds: float | None = None
    image_run: ImageRun | None = None
    servers: tuple[ModelServer, ...] = ()

    @property
    def output_paths(self) -> list[str]:
        """Folders of the container whose files are wanted at its end."""
        return [*(output.path for output in self.uploads), *(output.path for output in self.archives)]


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's files on this machine.

    Attributes:
        root: The job's own folder.
        has_all_paths: Whether the job has a file system of its own, and not only its own ``/opt/ml``.
    """

    root: Path
    has_all_paths: bool = False

    @property
    def opt_ml(self) -> Path:
        """What the job sees as ``/opt/ml``."""
        return self.root / "opt" / "ml"

    @property
    def home(self) -> Path:
        """Its home, so that no script reads this user's credentials and settings."""
        return self.root / "home"

    @property
    def working_directory(self) -> Path:
        """Where its command starts."""
        return self.root / "work"

    @property
    def scratch(self) -> Path:
        """For what the local AWS needs beside the job, and the job does not see."""
        return self.root / "scratch"

    def create(self) -> None:
        """Create the folders that exist in every container."""
        for folder in (self.home, self.working_directory, self.scratch, self.opt_ml / "output", self.opt_ml / "config"):
            folder.mkdir(parents=True)

    def locate(self, path: str) -> Path:
        """Return where a path of the container is on this machine.

        Raises:
            JobFailure: It is not below ``/opt/ml``, which is all that a job without a container has of its own here;
                or no container can have it.
        """
        normal = posixpath.normpath(path)
        if normal.startswith(f"{OPT_ML}/"):
            return self.root / normal.lstrip("/")
        if not self.has_all_paths:
            raise JobFailure(f"ClientError: the local AWS gives a job only {OPT_ML}, and {path} is outside of it")
        if not _MOUNT_POINT.fullmatch(normal):
            raise JobFailure(f"ClientError: {path} is no absolute path that a container can have a folder at")
        return self.root / "elsewhere" / normal.lstrip("/")
