"""What a job's container needs, whatever kind of job it is, and where it finds it on this machine."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OPT_ML = "/opt/ml"


class JobFailure(Exception):  # noqa: N818 - the job's, not ours
    """The job ends Failed; the message is its failure reason.

    Reasons begin with the class that SageMaker uses: ``AlgorithmError`` (the container), ``ClientError`` (what
    the user gave), ``InternalServerError`` (the service).
    """


@dataclass(frozen=True, slots=True)
class S3Download:
    """Objects to bring into the container before it starts.

    Args:
        name: Name of the input, for messages.
        uri: ``s3://bucket/key`` of one object, or of a prefix.
        path: Folder in the container, below ``/opt/ml``.
    """

    name: str
    uri: str
    path: str


@dataclass(frozen=True, slots=True)
class S3Upload:
    """A folder of the container to bring to S3.

    Args:
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
class ContainerPlan:
    """One container's work.

    Args:
        command: The command and its arguments.
        environment: What the job sets; the rest is in `JobSite`.
        downloads: Inputs.
        uploads: Outputs.
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
    uploads: tuple[S3Upload, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    max_runtime_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's files on this machine.

    Args:
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

    def create(self) -> None:
        """Create the folders that exist in every container."""
        for folder in (self.home, self.working_directory, self.opt_ml / "output", self.opt_ml / "config"):
            folder.mkdir(parents=True)

    def locate(self, path: str) -> Path:
        """Where a path of the container is on this machine.

        Raises:
            JobFailure: It is not below ``/opt/ml``, which is all that a job has of its own here.
        """
        normal = posixpath.normpath(path)
        if not normal.startswith(f"{OPT_ML}/"):
            raise JobFailure(f"ClientError: the local AWS gives a job only {OPT_ML}, and {path} is outside of it")
        return self.root / normal.lstrip("/")
