"""The pytest example of docs/rehearsal.md, run as a user would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2]
ABALONE = PROJECT / "tests" / "golden" / "v2_abalone_full.json"


def test_the_example_passes_on_a_definition_as_it_was_exported(tmp_path: Path) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```$", (PROJECT / "docs" / "rehearsal.md").read_text(), re.M | re.S)
    (tmp_path / "test_pipelines.py").write_text(example)
    (tmp_path / "pipelines").mkdir()
    shutil.copy(ABALONE, tmp_path / "pipelines" / "abalone.json")
    # The user's own settings, of another Airflow and of AWS: an address where nobody listens.
    mine = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "PYTHONPATH": str(PROJECT),
    }

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pipelines.py"],
        cwd=tmp_path,
        env={**os.environ, **mine},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert not (tmp_path / "home").exists(), "the user's Airflow is left alone"
