"""Notebook jobs: runs a notebook from top to bottom and keeps it with its outputs, as AWS's notebook scheduler does.

Source: the environment variables that the SDK's ``NotebookJobStep`` sets, and the developer guide, "Notebook jobs". The
scheduler itself is not public; that parameters are texts and where the log goes is assumed.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.runtimes.start import fail, write_failure


def main(base: Path, arguments: list[str]) -> int:
    """Run the notebook that the environment names.

    Args:
        base: ``/opt/ml``.
        arguments: None.

    Returns:
        0 if every cell ran.

    Raises:
        ModuleNotFoundError: There is no papermill.
    """
    del arguments
    import papermill  # type: ignore[import-not-found]  # in the jobs' interpreter, not in ours

    # The variable's path is that of the container; in a sandbox without mounts the folder is elsewhere.
    source = base / "input" / "data" / Path(os.environ["SM_EXECUTION_INPUT_PATH"]).name
    notebook = source / os.environ["SM_INPUT_NOTEBOOK_NAME"]
    if not notebook.is_file():
        return fail(base, f"ClientError: the notebook {notebook.name} is not among the inputs of the job")
    folder = base / "output" / "data"
    folder.mkdir(parents=True, exist_ok=True)
    work = Path.cwd() / "notebook"
    shutil.copytree(source, work)
    result = folder / os.environ.get("SM_OUTPUT_NOTEBOOK_NAME", notebook.name)
    try:
        papermill.execute_notebook(
            str(work / notebook.name),
            str(result),
            parameters=_parameters(base),
            kernel_name=os.environ.get("SM_KERNEL_NAME", "python3"),
            cwd=str(work),
            progress_bar=False,
            log_output=True,
        )
    except Exception as error:  # a cell, the kernel, the notebook's form: papermill says which
        write_failure(base, f"AlgorithmError: {type(error).__name__}: {error}")
        print(error, flush=True)
        return 1
    print(f"The notebook ran; it is {result.name} in the job's output", flush=True)
    return 0


def _parameters(base: Path) -> dict[str, Any]:
    path = base / "input" / "config" / "hyperparameters.json"
    parameters: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return parameters
