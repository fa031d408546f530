"""The work of a job's container, whatever kind of job it is, and its place on this machine."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_sm_pipelines.local.jobs.metrics import MetricDefinition

OPT_ML = "/opt/ml"


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


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container's work.

    Attributes:
        command: The command and its arguments.
        environment: What the job sets; the rest is in `JobSite`.
        downloads: Inputs.
        unpackings: Archives among the inputs.
        uploads: Outputs.
        archives: Outputs that become archives.
        metrics: What to look for in the output.
        failure_reason: Tells from folder and exit code why the job failed.
        files: Texts of files to put into the container, by path.
        max_runtime_seconds: When the command is stopped; ``None`` for never.
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


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's files on this machine.

    Attributes:
        root: The job's own folder.
    """

    root: Path

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
            JobFailure: It is not below ``/opt/ml``, which is all that a job has of its own here.
        """
        normal = posixpath.normpath(path)
        if not normal.startswith(f"{OPT_ML}/"):
            raise JobFailure(f"ClientError: the local AWS gives a job only {OPT_ML}, and {path} is outside of it")
        return self.root / normal.lstrip("/")
