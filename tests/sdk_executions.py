"""What the SDK's `PipelineExecution` must do against Airflow, the same for both versions of the SDK."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.local.server.local_aws import LocalAws

ROOT = Path(__file__).parents[1]
DAG_FILE = """
from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

dag = pipeline_dag("functions.json", pipeline_name={name!r}, poll_interval=2)
dag.get_task("double").waiting = Waiting(poll_interval=2, settle=1)
"""


def answers_of(program: Path, python: Path, name: str, folder: Path) -> dict[str, Any]:
    """Export a program's pipeline, give it to a real Airflow, run the program against that, and return its answers.

    Args:
        program: The program.
        python: The SDK's Python.
        name: Name of the pipeline.
        folder: An empty folder.
    """
    assert python.exists(), "the SDK has an environment of its own: run `make sdk` or `make sdk3`"
    dags = folder / "dags"
    dags.mkdir()
    answers = folder / "answers.json"
    with LocalAws(python=str(python), port=0, stop_grace_seconds=1.0) as aws:
        run(python, folder, aws, program, "export", dags / "functions.json")
        (dags / "functions.py").write_text(DAG_FILE.format(name=name))
        with AirflowProcesses(folder / "airflow", dags, environment=aws.environment()) as airflow:
            deadline = time.monotonic() + 120
            while not airflow.api.has_dag("functions"):
                assert time.monotonic() < deadline, "Airflow has not read the DAG"
                time.sleep(0.5)
            token = {"AIRFLOW_URL": airflow.api.base_url, "AIRFLOW_TOKEN": airflow.api._token}
            run(python, folder, aws, program, "run", answers, **token)
    found: dict[str, Any] = json.loads(answers.read_text())
    return found


def run(python: Path, folder: Path, aws: LocalAws, *arguments: object, **variables: str) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
    done = subprocess.run(
        [python, *map(str, arguments)],
        cwd=folder,
        env={**inherited, **aws.environment(), "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def check(answers: dict[str, Any], name: str, display_name: str) -> None:
    """Compare what the program has seen with what it would see of the service."""
    described = answers["described"]
    assert described["PipelineExecutionStatus"] == "Succeeded"
    assert described["PipelineExecutionDisplayName"] == display_name
    assert described["PipelineExecutionDescription"] == "why"
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}
    assert f":pipeline/{name}/execution/" in described["PipelineExecutionArn"]
    [step] = answers["steps"]
    assert (step["StepName"], step["StepStatus"], step["AttemptCount"]) == ("double", "Succeeded", 1)
    job = step["Metadata"]["TrainingJob"]["Arn"]
    assert f":training-job/pipelines-{described['PipelineExecutionArn'].rpartition('/')[2]}-double-" in job
    assert answers["parameters"] == [{"Name": "Seconds", "Value": "1"}]
    assert answers["result"] == {"doubled": [42], "seconds": 1}
    assert answers["rebuilt"] == {"Seconds": 600}
    assert (answers["stopped"], answers["stopped steps"]) == ("Stopped", {"double": "Stopped"})
    assert [one["PipelineExecutionStatus"] for one in answers["executions"]] == ["Stopped", "Succeeded"]
    assert "ValidationException" in answers["error"]
    assert "has no parameter 'Secondes'; it has: Seconds" in answers["error"]
