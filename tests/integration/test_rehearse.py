"""Golden definitions through Airflow, without their code and data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.cli import rehearsal_run
from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.cli.rehearsal_process import run_dag
from airflow_sm_pipelines.cli.rehearse import prepare
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server import LocalAws
from airflow_sm_pipelines.step_operators import STEP_OPERATORS

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

GOLDEN = Path(__file__).parents[1] / "golden"
ABALONE = GOLDEN / "v2_abalone_full.json"
MSE = "AbaloneEval.EvaluationReport.regression_metrics.mse.value"
FILES = [path for path in sorted(GOLDEN.glob("*.json")) if not path.name.endswith(".graph.json")]
RUNNABLE = [path for path in FILES if {step.type for step in load_pipeline(path).steps} <= STEP_OPERATORS.keys()]

# What a file needs so that its requests fit the API and no Fail step is reached.
CHOSEN = {
    "v2_pseudo_functions": {"parameters": ("MaxRows=1",)},
    "v2_step_decorator_condition": {
        "values": ("evaluate.results.json.Result.auc=0.9", "train.results.json.Result.metrics.list[0]=1")
    },
}

Rehearsed = Callable[..., dict[str, Any]]


@pytest.fixture
def rehearsed(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsed:
    """Rehearses a file in the Airflow of this process, and returns how it ended."""
    dags = tmp_path / "dags"
    dags.mkdir()
    settings = rehearsal_run.airflow_settings(Path(os.environ["AIRFLOW_HOME"]), dags)
    bundles = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
    monkeypatch.setenv(bundles, settings[bundles])
    monkeypatch.setattr(connection, "_clients", {})  # those of another local AWS

    def run(
        file: Path, parameters: tuple[str, ...] = (), outcomes: tuple[str, ...] = (), values: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        plan = prepare(load_pipeline(file), file, parameters, outcomes, values).plan
        rehearsal = replace(plan.rehearsal(), job_seconds=0.05)
        with LocalAws(rehearsal=rehearsal, sandbox="rewrite") as rehearsing:
            for name, value in rehearsing.environment().items():
                monkeypatch.setenv(name, value)
            rehearsal_run.put_files(boto3.client("s3"), plan.files)
            return run_dag(plan.write_dag_file(dags), plan.parameters)

    return run


@pytest.mark.parametrize("file", RUNNABLE, ids=lambda path: path.stem)
def test_all_reachable_steps_of_a_golden_definition_succeed(rehearsed: Rehearsed, file: Path) -> None:
    ended = rehearsed(file, **CHOSEN.get(file.stem, {}))
    assert ended["reasons"] == {}
    assert set(ended["tasks"].values()) <= {"success", "skipped"}
    assert ended["state"] == "success"


def test_a_branch_is_chosen_by_a_value(rehearsed: Rehearsed) -> None:
    ended = rehearsed(ABALONE, values=(f"{MSE}=100",))
    assert ended["tasks"]["AbaloneMSEFail"] == "failed"
    assert ended["tasks"]["AbaloneTransform"] == "skipped"
    assert list(ended["reasons"]) == ["AbaloneMSEFail"]


def test_a_failure_is_chosen_by_an_outcome_and_not_retried(rehearsed: Rehearsed) -> None:
    ended = rehearsed(ABALONE, outcomes=("AbaloneTrain=failed:InternalServerError: try again",))
    assert ended["state"] == "failed"
    assert "InternalServerError: try again" in ended["reasons"]["AbaloneTrain"]
    assert ended["tasks"]["AbaloneEval"] == "upstream_failed"


def test_a_stopped_job_is_no_success(rehearsed: Rehearsed) -> None:
    ended = rehearsed(ABALONE, outcomes=("AbaloneProcess=stopped",))
    assert ended["tasks"]["AbaloneProcess"] == "failed"
    assert "Stopped" in ended["reasons"]["AbaloneProcess"]


def test_the_command_runs_airflow_by_itself_and_reports(aws: LocalAws) -> None:
    # The user's own AWS settings, for another purpose: those of `aws`, and an address where nobody listens.
    environment = {**os.environ, "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:9"}
    options = ("--format", "json", "--outcome", "AbaloneTrain=failed:AlgorithmError: no")
    command = [sys.executable, "-m", "airflow_sm_pipelines.cli.main", "rehearse", str(ABALONE), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    states = {step["name"]: step["state"] for step in report["steps"]}
    assert (states["AbaloneProcess"], states["AbaloneTrain"]) == ("succeeded", "failed")
    assert states["AbaloneEval"] == "not run"
    assert "AlgorithmError: no" in next(step["reason"] for step in report["steps"] if step["name"] == "AbaloneTrain")
    synthetic = next(step["synthetic"] for step in report["steps"] if step["name"] == "AbaloneProcess")
    assert {uri.rpartition("/")[2] for uri in synthetic} == {"rehearsal.json"}
    assert len(synthetic) == 3


def test_a_step_that_cannot_run_is_named_with_its_type(aws: LocalAws, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", str(GOLDEN / "v2_automl.json")]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "is of type AutoML, which this version cannot run" in captured.err
