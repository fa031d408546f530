"""The SageMaker SDK in an environment of its own, and a local AWS for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws

ROOT = Path(__file__).parents[2]
SDK_PYTHON = ROOT / ".venv-sdk" / "bin" / "python"


@pytest.fixture(scope="module")
def aws():
    with LocalAws(stop_grace_seconds=1.0) as running:
        yield running


@pytest.fixture
def run_python(aws, tmp_path):
    """Run the SDK's Python in a folder with some files; return what it printed."""

    def run(*arguments, files, **environment):
        assert SDK_PYTHON.exists(), "the SDK has an environment of its own: run `make sdk`"
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
        ours = {**aws.environment(), "HOME": str(tmp_path)}
        done = subprocess.run(
            [SDK_PYTHON, *arguments],
            cwd=tmp_path,
            env={**inherited, **ours, **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    return run
