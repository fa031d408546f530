"""Programs of the SageMaker SDK 3, unmodified, against the local AWS, with no settings but those that it prints."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.run import RehearsalAirflow, RehearsalScenario

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]
SDK_PYTHON = ROOT / ".venv-sdk3" / "bin" / "python"
PROGRAMS = Path(__file__).parent / "programs"

TRAIN = """
import json, os, pathlib
offset = json.loads(os.environ["SM_HPS"])["offset"]
folder = pathlib.Path(os.environ.get("SM_CHANNEL_TRAIN", "/nowhere"))
points = folder.joinpath("points.csv").read_text().split() if folder.exists() else []
print("trains on", len(points), "points, offset", offset, flush=True)
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps({"offset": offset}))
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS whose jobs have the SDK, as ``--python`` gives them."""
    with LocalAws(python=str(SDK_PYTHON), stop_grace_seconds=1.0) as running:
        yield running


@pytest.fixture
def run_python(aws: LocalAws, tmp_path: Path) -> Callable[..., None]:
    """Run the SDK's Python beside the training script and its data."""

    def run(*arguments: object, **variables: str) -> None:
        assert SDK_PYTHON.exists(), "the SDK has an environment of its own: run `make sdk3`"
        for path, text in {"source/train.py": TRAIN, "points/points.csv": "1,3\n2,5\n4,9\n"}.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
        done = subprocess.run(
            [SDK_PYTHON, *map(str, arguments)],
            cwd=tmp_path,
            env={**inherited, **aws.environment(), "HOME": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    return run


def test_model_trainer_trains_with_the_default_bucket_and_asks_no_address_outside(
    run_python: Callable[..., None], aws: LocalAws, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.json"
    run_python(PROGRAMS / "training.py", answers)
    trained = json.loads(answers.read_text())
    bucket = "sagemaker-us-west-2-123456789012"
    assert (trained["status"], trained["bucket"], trained["asked"]) == ("Completed", bucket, ["127.0.0.1"])
    assert trained["model"].startswith(f"s3://{bucket}/line/")
    events = aws.client("logs").filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]
    assert "trains on 3 points, offset 1" in [event["message"] for event in events]


def test_a_pipeline_is_exported_and_runs(run_python: Callable[..., None], aws: LocalAws, tmp_path: Path) -> None:
    """Functions on the SDK's own runtime, and a training job."""
    (tmp_path / "functions.py").write_text((PROGRAMS / "pipeline.py").read_text())
    command = ("-m", "airflow_sm_pipelines.cli.main", "export", "functions:pipeline", "-o", "functions.json")
    run_python(*command, PYTHONPATH=str(ROOT))
    file = tmp_path / "functions.json"

    def run(airflow: RehearsalAirflow, count: int) -> dict[str, Any]:
        return airflow.run(RehearsalScenario(file, {"Count": count}), aws.environment())

    with RehearsalAirflow() as airflow:
        ended, too_little = run(airflow, 4), run(airflow, 3)
    states = {name: state for name, state in ended["tasks"].items() if name != "pipeline_status"}
    assert states == {
        "prepare": "success",
        "measure": "success",
        "Gate": "success",
        "Train": "success",
        "TooLittle": "skipped",
    }, ended
    assert too_little["reasons"] == {"TooLittle": "Step TooLittle: sum is 3"}
