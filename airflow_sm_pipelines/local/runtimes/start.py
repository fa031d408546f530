"""The beginning of every runtime: ``local-aws-runtime NAME BASE ARGUMENT…``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_FROM = "airflow_sm_pipelines.local.runtimes"

_NEEDS: Mapping[str, str] = {
    "numpy": "numpy",
    "papermill": "papermill ipykernel",
    "pyspark": "pyspark",
    "xgboost": "xgboost-cpu",
}
"""Packages to install, by module."""


def main() -> None:
    """Run the runtime that the command line names, and exit with its code."""
    name, base, *arguments = sys.argv[1:]
    try:
        runtime = importlib.import_module(f"{_FROM}.{name}")
        code = runtime.main(Path(base), arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name not in _NEEDS:
            raise
        python = os.environ["LOCAL_AWS_PYTHON"]  # not that of the job's own environment, which ends with the job
        text = f"{python} has no {error.name}; in its environment: pip install {_NEEDS[error.name]}"
        code = fail(Path(base), f"ClientError: the local runtime {name} cannot run: {text}")
    sys.stdout.flush()
    sys.exit(code)


def fail(base: Path, reason: str) -> int:
    """Say why the job fails, in its log and where the service looks for it, and return the exit code."""
    print(reason, file=sys.stderr, flush=True)
    write_failure(base, reason)
    return 1


def write_failure(base: Path, reason: str) -> None:
    """Write ``/opt/ml/output/failure``, unless the user's script has done so."""
    path = base / "output" / "failure"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason)


def prepend_path(variables: dict[str, str], folder: Path) -> None:
    """Put a folder first in ``PYTHONPATH``."""
    rest = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = f"{folder}{os.pathsep}{rest}" if rest else str(folder)
