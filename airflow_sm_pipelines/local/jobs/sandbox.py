"""Sandboxes that give each job its own ``/opt/ml``: three kinds, and the choice between them by trying.

============  ==================================================  ============================================
mode          needs                                               limits
============  ==================================================  ============================================
namespace     Linux that lets this user unshare mounts            none known; not inside Docker's default profile
proot         ``proot`` on the PATH                               system calls are traced: many small files are slow
rewrite       nothing                                             paths that a script puts together or that are in
                                                                  archives are missed; input data in JSON changes
============  ==================================================  ============================================

None of them is a security boundary: a job runs as the user who started the local AWS.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs.container import OPT_ML, JobFolder
from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.rewriting import rewrite_files, rewrite_text


@dataclass(frozen=True, slots=True)
class SandboxedCommand:
    """A command that is ready to start in a sandbox.

    Attributes:
        command: The command and its arguments.
        environment: The variables that the job sets.
        binds: Folders to show at other paths.
        is_tracer: Whether the command passes no signals on to the job's own.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    binds: Mapping[str, str] = field(default_factory=dict)
    is_tracer: bool = False

    def start(
        self,
        directory: Path,
        environment: Mapping[str, str],
        farewell: Sequence[str] = (),
        farewell_environment: Mapping[str, str] | None = None,
    ) -> JobProcess:
        """Start it.

        Args:
            directory: Its working directory.
            environment: Variables besides those that the job sets.
            farewell: What removes the rest of the job if this process dies; see `launcher.LaunchOrder`.
            farewell_environment: All of its environment.
        """
        return JobProcess(
            self.command,
            {**environment, **self.environment},
            directory,
            self.binds,
            is_tracer=self.is_tracer,
            farewell=farewell,
            farewell_environment=farewell_environment,
        )


class Sandbox(Protocol):
    """One way to give a job its own ``/opt/ml``."""

    name: str

    def wrap(self, folder: JobFolder, command: tuple[str, ...], environment: Mapping[str, str]) -> SandboxedCommand:
        """Prepare a job whose files are staged.

        Args:
            folder: The job's folder.
            command: Its command and arguments.
            environment: The variables that the job itself sets.
        """


class NamespaceSandbox:
    """A private mount namespace."""

    name = "namespace"

    def wrap(self, folder: JobFolder, command: tuple[str, ...], environment: Mapping[str, str]) -> SandboxedCommand:
        """Bind the job's folder to ``/opt/ml``."""
        return SandboxedCommand(command, environment, {OPT_ML: str(folder.opt_ml)})


class ProotSandbox:
    """A sandbox in which ``proot`` translates paths in system calls."""

    name = "proot"

    def wrap(self, folder: JobFolder, command: tuple[str, ...], environment: Mapping[str, str]) -> SandboxedCommand:
        """Run the command under ``proot``.

        The folder above ``/opt/ml`` is bound and what else is in it, too: proot would create a missing
        ``/opt/ml`` on the host, if it may.
        """
        proot = shutil.which("proot") or "proot"
        parent = Path(OPT_ML).parent
        others = sorted(path for path in parent.glob("*") if path != Path(OPT_ML) and path.exists())
        binds = [f"{folder.opt_ml.parent}:{parent}", *(f"{path}:{path}" for path in others)]
        options = [word for bind in binds for word in ("-b", bind)]
        return SandboxedCommand((proot, *options, *command), environment, is_tracer=True)


class RewriteSandbox:
    """A sandbox that replaces ``/opt/ml`` in arguments, variables, scripts and JSON files."""

    name = "rewrite"

    def wrap(self, folder: JobFolder, command: tuple[str, ...], environment: Mapping[str, str]) -> SandboxedCommand:
        """Rewrite the command, its variables and the staged files."""
        rewrite_files(folder.opt_ml)
        return SandboxedCommand(
            tuple(rewrite_text(word, folder.opt_ml) for word in command),
            {name: rewrite_text(value, folder.opt_ml) for name, value in environment.items()},
        )


SANDBOXES: Mapping[str, type[Sandbox]] = {kind.name: kind for kind in (NamespaceSandbox, ProotSandbox, RewriteSandbox)}
"""By name, the best first."""


def choose_sandbox(name: str) -> Sandbox:
    """Return the sandbox of that name, or with ``auto`` the first that works here; each is tried.

    Raises:
        LocalAwsError: There is no such mode, or it does not work on this machine.
    """
    if name not in (*SANDBOXES, "auto"):
        raise LocalAwsError(f"unknown sandbox {name!r}; choose one of auto, {', '.join(SANDBOXES)}")
    complaints = []
    for kind in SANDBOXES.values() if name == "auto" else (SANDBOXES[name],):
        sandbox = kind()
        complaint = _try(sandbox)
        if complaint is None:
            return sandbox
        complaints.append(f"sandbox {sandbox.name} does not work here: {complaint}")
    raise LocalAwsError("; ".join(complaints))


def _try(sandbox: Sandbox) -> str | None:
    """Run a command that looks for its own file below ``/opt/ml``; what it said if it did not find it."""
    with tempfile.TemporaryDirectory(prefix="sm-pipelines-probe-") as root:
        folder = JobFolder(Path(root))
        folder.create()
        (folder.opt_ml / "probe").touch()
        wrapped = sandbox.wrap(folder, ("/bin/sh", "-c", f"test -f {OPT_ML}/probe"), {})
        with wrapped.start(folder.working_directory, {}) as process:
            with open(process.output, "rb", closefd=False) as output:
                said = output.read().decode(errors="replace").strip()
            code = process.wait()
        return None if code == 0 else said or f"exit code {code}"
