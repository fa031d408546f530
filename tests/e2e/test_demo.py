"""The demo as a user runs it, with both outcomes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def run_demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with an empty home, and with settings of another AWS and another Airflow around it."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "TMPDIR": str(home),
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AIRFLOW__CORE__EXECUTOR": "NoSuchExecutor",
    }
    return subprocess.run(
        [sys.executable, "-m", "airflow_sm_pipelines.cli.main", "demo", *arguments],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def rows(output: str) -> dict[str, str]:
    """The last state that was printed for each step."""
    words = [line.split() for line in output.splitlines() if line.startswith("  ")]
    return {line[0]: line[1] for line in words if line[0] in {"Prepare", "FitAndEvaluate", "CheckMse", "MseTooHigh"}}


def test_the_demo_runs_the_pipeline_and_prints_its_metric(tmp_path: Path) -> None:
    done = run_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(done.stdout) == {
        "Prepare": "success",
        "FitAndEvaluate": "success",
        "CheckMse": "success",
        "MseTooHigh": "skipped",
    }
    assert "-Prepare-" in done.stdout, "the names of the jobs"
    assert "The pipeline succeeded" in done.stdout
    assert "MSE on the test data: 3372.61 (limit: 4000)" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == [], "everything is removed"


def test_a_pipeline_that_fails_says_why(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--max-mse", "1000")
    assert done.returncode == 1, done.stdout + done.stderr
    assert rows(done.stdout)["MseTooHigh"] == "failed"
    assert "The pipeline failed" in done.stdout
    assert "Step MseTooHigh: the MSE on the test data is 3372.61" in done.stdout
    assert "and the limit is 1000.0" in done.stdout
    assert "MSE on the test data: 3372.61 (limit: 1000)" in done.stdout
    assert list(tmp_path.iterdir()) == [], "everything is removed"
