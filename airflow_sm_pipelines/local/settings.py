"""The settings of a local AWS."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_sm_pipelines.local.stand_in import StandIn

HOST = "127.0.0.1"
"""The only address it ever binds: it runs commands for whoever can reach it."""

ACCOUNT_ID = "123456789012"
"""moto's default account, so that ARNs of both halves agree."""

DOCKER = "docker"
SANDBOX_NAMES = ("auto", "namespace", "proot", "rewrite", DOCKER)

ACCESS_KEY_ID = "local"
SECRET_ACCESS_KEY = "local"  # noqa: S105 - a placeholder; nothing verifies signatures here


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Settings of one local AWS.

    Attributes:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        region: Region of `LocalAws.environment` and of calls that are not signed.
        sandbox: How a job gets its own ``/opt/ml``: ``namespace``, ``proot``, ``rewrite``, or ``auto`` for the
            first of these that works on this machine. With ``docker``, images run in Docker; the jobs that the local
            AWS itself has a program for run as processes, as with ``auto``.
        python: Interpreter behind ``python`` and ``python3`` inside jobs.
        work_dir: Where job folders are kept for inspection; ``None`` uses a temporary folder, in which a job's
            folder is removed when the job has ended.
        state_dir: Where jobs, models, model packages, tags and S3 objects outlive the process; ``None`` keeps them in
            memory. Logs and the other services' state end with the process in any case.
        stop_grace_seconds: Time between SIGTERM and SIGKILL when a job is stopped or exceeds its maximum run
            time. AWS gives 120 seconds.
        shutdown_grace_seconds: The same, when the local AWS itself stops.
        continuous_upload_seconds: Pause between two uploads of an output with ``S3UploadMode=Continuous``.
        stand_in: What jobs do instead of running; ``None`` runs them.
        version: The version that ``/_local/health`` tells.
        no_runtime_advice: What the failure reason of a job adds for which the local AWS has no runtime.
    """

    port: int = 0
    region: str = "us-west-2"
    sandbox: str = "auto"
    python: str = sys.executable
    work_dir: Path | None = None
    state_dir: Path | None = None
    stop_grace_seconds: float = 120.0
    shutdown_grace_seconds: float = 2.0
    continuous_upload_seconds: float = 5.0
    stand_in: StandIn | None = None
    version: str = ""
    no_runtime_advice: str = ""

    @property
    def runs_images(self) -> bool:
        """Whether the images of jobs run, in Docker."""
        return self.sandbox == DOCKER
