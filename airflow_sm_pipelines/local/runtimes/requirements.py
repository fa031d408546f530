"""A job's own requirements, in a virtual environment that ends with the job."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path


class InstallError(Exception):
    """The requirements could not be installed; the message has pip's command and exit code."""


def interpreter_for(code: Path, folder: Path) -> str:
    """The interpreter for a folder of code: this one, or a new environment with what the folder requires.

    What is installed for this interpreter is visible in the new environment, so that only what is missing is
    downloaded; nothing is ever installed into this interpreter's own environment.

    Args:
        code: Folder that may hold a ``requirements.txt``.
        folder: Of the environment; unique in the job.

    Raises:
        InstallError: pip failed, or there is no pip.
    """
    requirements = code / "requirements.txt"
    if not requirements.is_file():
        return sys.executable
    python = create_environment(folder)
    install(python, ["-r", str(requirements)], code)
    return python


def create_environment(folder: Path) -> str:
    """A virtual environment that sees what is installed for this interpreter; returns its interpreter."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    [packages] = (folder / "lib").glob("python*/site-packages")
    visible = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "interpreter.pth").write_text("\n".join(visible) + "\n")
    return str(folder / "bin" / "python")


def install(python: str, arguments: list[str], directory: Path) -> None:
    """Run ``pip install`` of an environment; what it says goes to the job's log.

    Raises:
        InstallError: It failed.
    """
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
    print(f"Installing: {' '.join(command)}", flush=True)
    code = subprocess.run(command, cwd=directory, check=False).returncode  # noqa: S603 - what the job asks for
    if code != 0:
        raise InstallError(f'InstallRequirementsError:\nExitCode {code}\nCommand "{" ".join(command)}"')
