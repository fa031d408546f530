"""Programs of the SageMaker SDK, unmodified, against the local AWS: what works on AWS works here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def run_program(run_python, tmp_path):
    """Run a program; return its answers and what it printed."""

    def run(name, *arguments, files):
        answers = tmp_path / "answers.json"
        printed = run_python(PROGRAMS / f"{name}.py", answers, *arguments, files=files)
        return json.loads(answers.read_text()), printed

    return run


def test_the_default_bucket_is_the_accounts_and_no_address_outside_is_asked_for(run_python):
    program = """
import socket
asked, look_up = set(), socket.getaddrinfo
def note(host, *rest, **named):
    asked.add(host)
    return look_up(host, *rest, **named)
socket.getaddrinfo = note
from sagemaker.session import Session
session = Session()
print(session.default_bucket(), session.upload_data("x.txt", key_prefix="data"), asked)
"""
    printed = run_python("program.py", files={"program.py": program, "x.txt": "x"})
    bucket = "sagemaker-us-west-2-123456789012"
    assert printed.splitlines()[-1] == f"{bucket} s3://{bucket}/data/x.txt {{'127.0.0.1'}}"


DOUBLE = """
import os, pathlib, sys
print("factor", sys.argv[1:], os.environ["GREETING"], flush=True)
[source] = pathlib.Path("/opt/ml/processing/input/data").iterdir()
numbers = [int(line) * int(sys.argv[2]) for line in source.read_text().split()]
pathlib.Path("/opt/ml/processing/doubled/doubled.txt").write_text(" ".join(map(str, numbers)))
print("wrote", len(numbers), "numbers", flush=True)
"""


def test_script_processor_runs_waits_and_prints_the_log(run_program):
    answers, printed = run_program("processing", files={"double.py": DOUBLE, "data/numbers.txt": "1\n2\n3\n"})
    assert answers["status"] == "Completed"
    assert answers["name"].startswith("double-")
    assert answers["text"] == "2 4 6"
    assert [uri.rpartition("/")[2] for uri in answers["files"]] == ["doubled.txt"]
    assert {"Key": "team", "Value": "ml"} in answers["tags"]
    assert "factor ['--factor', '2'] hello {{ world }}" in printed
    assert "wrote 3 numbers" in printed


def test_script_processor_raises_what_made_the_job_fail(run_program):
    fail = "import sys\nprint('about to fail', flush=True)\nsys.exit(3)\n"
    answers, printed = run_program("failing_processing", files={"fail.py": fail})
    assert answers["actual"] == "Failed"
    assert "exit code: 3" in answers["message"].lower().replace("exitcode", "exit code")
    assert "about to fail" in printed


LINE = """
import argparse, json, os, pathlib

def model_fn(folder):
    return json.loads((pathlib.Path(folder) / "model.json").read_text())

def input_fn(body, content_type):
    assert content_type == "text/csv", content_type
    return [float(line) for line in (body.decode() if isinstance(body, bytes) else body).split()]

def predict_fn(numbers, model):
    return [model["slope"] * number + model["offset"] for number in numbers]

def output_fn(predictions, accept):
    return "\\n".join(map(str, predictions))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--offset", type=int)
    parser.add_argument("--label")
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    options = parser.parse_args()
    [file] = pathlib.Path(options.train).iterdir()
    points = [tuple(map(float, line.split(","))) for line in file.read_text().split()]
    slope = sum((y - options.offset) / x for x, y in points) / len(points)
    print(f"label={options.label} slope={slope}", flush=True)
    model = {"slope": slope, "offset": options.offset}
    (pathlib.Path(options.model_dir) / "model.json").write_text(json.dumps(model))
"""


POINTS = {"line.py": LINE, "train/points.csv": "1,3\n2,5\n4,9\n"}


def test_estimator_fits_in_script_mode_and_prints_the_log(run_program):
    answers, printed = run_program("training", files=POINTS)
    assert answers["status"] == "Completed"
    assert answers["models"] == [answers["model"]]
    assert answers["model"].endswith("/output/model.tar.gz")
    assert answers["metrics"] == {"train:slope": 2.0}
    assert "label=it's {{ y }} slope=2.0" in printed


def test_transformer_transforms_with_the_trained_model(run_program):
    answers, _ = run_program("transform", files={**POINTS, "batch/points.csv": "10\n20\n"})
    assert answers["predictions"].split() == ["21.0", "41.0"]


def test_export_writes_the_definition_of_an_sdk_pipeline(run_python, tmp_path):
    """The command runs beside the SDK, in an environment without Airflow."""
    program = (PROGRAMS / "pipeline.py").read_text()
    command = ("-m", "airflow_sm_pipelines.cli.main", "export", "pipeline.py:pipeline", "-o", "evaluation.json")
    run_python(*command, files={"pipeline.py": program, "evaluate.py": ""}, PYTHONPATH=str(ROOT))
    pipeline = load_pipeline(tmp_path / "evaluation.json")
    assert [(step.name, step.type) for step in pipeline.steps] == [
        ("Evaluate", "Processing"),
        ("Gate", "Condition"),
        ("TooBad", "Fail"),
    ]
    assert pipeline.parameter("Threshold").default == 6.0
    assert warnings(pipeline) == ()
