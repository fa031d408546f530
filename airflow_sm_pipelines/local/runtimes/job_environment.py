"""The virtual environment that each job gets a copy of: whatever a job installs, and however, comes into that copy."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_sm_pipelines.local.runtimes.requirements import create_environment


def main(base: Path, arguments: list[str]) -> int:
    """Make the environment, in the folder that is named, and return the exit code."""
    del base
    [folder] = arguments
    # The local AWS sets no PYTHONPATH: if there is one, the interpreter is a script that sets it for Python.
    create_environment(Path(folder), [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path])
    return 0
