"""What a job requires, installed into its own virtual environment, which ends with the job."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path


class InstallError(Exception):
    """The requirements could not be installed; the message has pip's command and exit code."""


def install_requirements(code: Path) -> None:
    """Install what a folder of code requires, into the job's environment, in which this process runs.

    Args:
        code: Folder that may hold a ``requirements.txt``.

    Raises:
        InstallError: pip failed, or there is no pip.
    """
    requirements = code / "requirements.txt"
    if requirements.is_file():
        install(sys.executable, ["-r", str(requirements)], code)


def interpreter_for(code: Path, folder: Path) -> str:
    """Return the interpreter for a folder of code: this one, or a new environment with its requirements.

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


def create_environment(folder: Path, more: Sequence[str] = ()) -> str:
    """Make a virtual environment that sees what is installed for this interpreter, and return its interpreter.

    Only what is missing is downloaded into it, and nothing comes into this interpreter's own. It can be copied: it has
    none of the scripts that hold its path.

    Args:
        folder: Where; it is new.
        more: Further folders whose modules are visible in it.
    """
    builder = venv.EnvBuilder(with_pip=False, symlinks=True)
    context = builder.ensure_directories(str(folder))  # some Pythons want a text
    builder.create_configuration(context)
    builder.setup_python(context)
    [packages] = (folder / "lib").glob("python*/site-packages")
    visible = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    # With their own .pth files: editable installations are visible, too.
    lines = [*(f"{path}\n" for path in more), *(f"import site; site.addsitedir({path!r})\n" for path in visible)]
    (packages / "interpreter.pth").write_text("".join(lines))
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
