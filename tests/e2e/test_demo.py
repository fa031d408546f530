"""The demo as a user runs it, with both outcomes."""

from __future__ import annotations

import os
import re
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
        timeout=480,
        check=False,
    )


STEPS = (
    "Prepare",
    "Train",
    "Evaluate",
    "CheckMse",
    "Register-RegisterModel",
    "CreateModel",
    "Predict",
    "MseTooHigh",
)
MSE = r"MSE on the test data: (\d+\.\d\d) \(limit: {limit}\)"


def rows(output: str) -> dict[str, str]:
    """The last state that was printed for each step."""
    words = [line.split() for line in output.splitlines() if line.startswith("  ")]
    return {line[0]: line[1] for line in words if line[0] in STEPS}


def predictions(output: str) -> list[list[float]]:
    """The predictions and true values that were printed."""
    _, _, table = output.partition("  predicted  true value\n")
    return [[float(word) for word in line.split()] for line in table.partition("\n\n")[0].splitlines()]


def test_the_demo_runs_the_pipeline_and_prints_what_it_has_made(tmp_path: Path) -> None:
    done = run_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(done.stdout) == {**dict.fromkeys(STEPS, "success"), "MseTooHigh": "skipped"}
    for step in ("Prepare", "Train", "Evaluate", "Predict"):
        assert f"-{step}-" in done.stdout, "the names of the jobs"
    assert "The pipeline succeeded" in done.stdout
    [mse] = re.findall(MSE.format(limit="4000"), done.stdout)
    # Always the mean would be more than 5,000. The number depends a little on the version of xgboost.
    assert 3000 < float(mse) < 4000
    assert ":model-package/diabetes/1 (version 1, PendingManualApproval)\n" in done.stdout
    assert re.search(
        r"Predictions: s3://sm-pipelines-demo/diabetes/[a-z0-9]{12}/predictions/features.csv.out\n", done.stdout
    )
    assert [true for _, true in predictions(done.stdout)] == [321.0, 215.0, 127.0, 64.0, 175.0]
    assert all(50 < predicted < 350 for predicted, _ in predictions(done.stdout))
    assert done.stdout.splitlines()[-1].split()[1] == "175.0", "the result comes last"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == [], "everything is removed"


def test_a_second_run_creates_no_job_and_says_why(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--runs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = done.stdout.split("Running diabetes with")[1:]
    assert rows(first) == rows(second) == {**dict.fromkeys(STEPS, "success"), "MseTooHigh": "skipped"}
    for step in ("Prepare", "Train", "Evaluate", "Predict"):
        [job] = set(re.findall(rf"pipelines-\w+-{step}-\w+-0", first))
        assert f"cache hit: {job}\n" in second
        assert set(re.findall(rf"pipelines-\w+-{step}-\w+-0", second)) == {job}, "no other job"
    assert re.findall(MSE.format(limit="4000"), first) == re.findall(MSE.format(limit="4000"), second)
    assert "/diabetes/2 (version 2, PendingManualApproval)" in second, "a version is registered in each run"


def test_a_pipeline_that_fails_says_why(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--max-mse", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    states = rows(done.stdout)
    assert states.pop("MseTooHigh") == "failed"
    assert {step for step, state in states.items() if state == "skipped"} == set(STEPS[4:7])
    assert "The pipeline failed" in done.stdout
    [mse] = re.findall(MSE.format(limit="1"), done.stdout)
    assert f"Step MseTooHigh: the MSE on the test data is {mse[:-3]}" in done.stdout
    assert "and the limit is 1.0" in done.stdout
    assert done.stdout.splitlines()[-1] == f"MSE on the test data: {mse} (limit: 1)", "the result comes last"
    assert "Model package" not in done.stdout
    assert "Predictions" not in done.stdout
    assert list(tmp_path.iterdir()) == [], "everything is removed"


CHAMPION_STEPS = (
    "Prepare",
    "DataQuality",
    "Tune",
    "AgeGroups",
    *(f"{step}-{iteration}" for step in ("Measure", "Report") for iteration in range(3)),
    "MeasureGroups.result",
    "Register-RegisterModel",
    "Review",
    "Reviewed",
    "Approve",
    "Summarize",
)


def test_the_second_demo_tunes_checks_loops_asks_a_reviewer_and_publishes(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--pipeline", "diabetes_champion")
    assert done.returncode == 0, done.stdout + done.stderr
    words = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
    states = {line[0]: line[1] for line in words if len(line) > 1}
    assert {step: states.get(step) for step in CHAMPION_STEPS} == dict.fromkeys(CHAMPION_STEPS, "success")
    assert states["Rejected"] == "skipped"
    results = done.stdout.partition("The pipeline succeeded")[2]
    assert re.search(r"Best of 4 models: eta 0\.\d+, max_depth [1-6] \(validation:rmse \d+\.\d\d\)\n", results)
    groups = re.findall(r"  (younger|middle|older) +(\d+) rows +(\d+\.\d)\n", results)
    assert sum(int(rows) for _, rows, _ in groups) == 111, "a quarter of the 442 rows"
    worst = max(groups, key=lambda group: float(group[2]))
    assert (
        f"Review: the MSE of its worst age group, {worst[0]}, is {float(worst[2]):.0f}, the limit is 6000\n" in results
    )
    assert "The model package is now Approved\n" in results
    assert re.search(r"Summary: s3://sm-pipelines-demo/champion/[a-z0-9]{12}/summary.csv\n", results)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == [], "everything is removed"
