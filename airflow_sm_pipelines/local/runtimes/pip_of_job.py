"""``pip`` in a job: works on the job's own virtual environment, which sees what is installed for the interpreter."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from airflow_sm_pipelines.local.runtimes.requirements import create_environment


def main(base: Path, arguments: list[str]) -> int:
    """Run pip with these arguments; returns its exit code."""
    del base
    folder = Path(os.environ["LOCAL_AWS_VENV"])
    python = folder / "bin" / "python"
    if not python.exists():
        create_environment(folder)
    return subprocess.run([str(python), "-m", "pip", *arguments], check=False).returncode  # noqa: S603 - the job's own
