"""Pipelines that the real SDK exports, run by us on a local AWS: functions on the SDK's own runtime, and Repack."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.run import RehearsalAirflow, RehearsalScenario
from tests.sdk.conftest import SDK_PYTHON

pytestmark = pytest.mark.sdk

PROGRAMS = Path(__file__).parent / "programs"
DEFINITIONS = Path(__file__).parents[1] / "integration" / "definitions"
BUCKET = "bucket-of-the-team"

SDK_CONFIGURATION = """
SchemaVersion: '1.0'
SageMaker: {PythonSDK: {Modules: {Session: {DefaultS3Bucket: bucket-of-the-team}, TelemetryOptOut: true}}}
"""
"""A team's own defaults, in place of those that the local AWS writes: the bucket is in the committed definition."""


@dataclass
class Exported:
    """A definition that the SDK has exported, and where it runs."""

    aws: LocalAws
    airflow: RehearsalAirflow
    file: Path

    @property
    def definition(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.file.read_text())
        return document

    def run(self, **parameters: Any) -> dict[str, Any]:
        """Run it with ``dag.test()`` in a process of its own: no rehearsal, the jobs run."""
        defaults = {entry["Name"]: entry.get("DefaultValue") for entry in self.definition["Parameters"]}
        return self.airflow.run(RehearsalScenario(self.file, {**defaults, **parameters}), self.aws.environment())

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.aws.endpoint_url, region_name="us-west-2", **keys)

    def objects(self, pattern: str) -> dict[str, bytes]:
        """Objects whose keys match, by key."""
        s3, found = self.client("s3"), {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for key in (entry["Key"] for entry in page.get("Contents", ())):
                if re.fullmatch(pattern, key):
                    found[key] = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return found

    def log(self, step: str) -> str:
        logs, group = self.client("logs"), "/aws/sagemaker/TrainingJobs"
        names = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]]
        [name] = [name for name in names if f"-{step}-" in name]
        events = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
        return "\n".join(event["message"] for event in events)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[LocalAws, RehearsalAirflow]]:
    """A local AWS whose jobs have the SDK, as ``--python`` gives them."""
    with LocalAws(python=str(SDK_PYTHON), stop_grace_seconds=1.0) as aws, RehearsalAirflow() as airflow:
        yield aws, airflow


@pytest.fixture(scope="module")
def export(
    world: tuple[LocalAws, RehearsalAirflow], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Exported]:
    """Run a program in the SDK's environment that writes its pipeline's definition."""

    def run(program: str, files: dict[str, str]) -> Exported:
        aws, airflow = world
        tmp_path = tmp_path_factory.mktemp(program)
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        (tmp_path / "sagemaker.yaml").write_text(SDK_CONFIGURATION)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
        ours = {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "sagemaker.yaml"), "HOME": str(tmp_path)}
        file = tmp_path / f"{program}.json"
        done = subprocess.run(
            [SDK_PYTHON, PROGRAMS / f"{program}.py", file],
            cwd=tmp_path,
            env={**inherited, **aws.environment(), **ours},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return Exported(aws, airflow, file)

    return run


@pytest.fixture(scope="module")
def functions(export: Callable[..., Exported]) -> Exported:
    """A pipeline of functions."""
    return export("step_functions", {"classic.py": CLASSIC})


CLASSIC = "import pathlib\npathlib.Path('/opt/ml/processing/out/x.txt').write_text('x')\n"


def test_functions_run_on_the_sdks_own_runtime_and_hand_their_results_on(functions: Exported) -> None:
    ended = functions.run()

    assert ended["state"] == "success", ended
    states = {name: state for name, state in ended["tasks"].items() if name != "pipeline_status"}
    assert states == {
        "Classic": "success",
        "prepare": "success",
        "measure": "success",
        "Gate": "success",
        "announce": "success",
        "TooLittle": "skipped",
    }
    announced = re.search(r"announces 60/4 in (\w{12}): \(1\+2j\)", functions.log("announce"))
    assert announced, "values read from JSON, and what only pickle can hold"
    results = functions.objects(rf"functions/{announced[1]}/measure/results/results\.json")
    assert [json.loads(body)["Result"]["sum"] for body in results.values()] == [60]
    assert re.search(r"prepares 4 rows of s3://bucket-of-the-team/\S+", functions.log("prepare"))
    assert "sagemaker.remote_function INFO" in functions.log("prepare"), "the SDK's own runtime"


DRAWN = (
    (r"\d{4}(-\d\d){5}-\d{3}", "<time of the export>"),
    (r"sagemaker_requirements_\w+\.txt", "<requirements>"),
    (r"functions/code/[0-9a-f]{64}/", "functions/code/<digest>/"),
    (r'"[^"]*/step_functions\.py"', '"step_functions.py"'),
    (r'("--client_(python|sagemaker_pysdk)_version"), "[^"]+"', r'\1, "<version>"'),
)
"""What differs from one export to the next."""


def without_what_is_drawn(definition: Any) -> Any:
    text = json.dumps(definition)
    for pattern, name in DRAWN:
        text = re.sub(pattern, name, text)
    return json.loads(text)


def test_the_definition_in_the_repository_is_what_the_sdk_exports(functions: Exported) -> None:
    committed = json.loads((DEFINITIONS / "step_function_results.json").read_text())

    assert without_what_is_drawn(functions.definition) == without_what_is_drawn(committed)


def test_a_condition_on_the_result_of_a_function_chooses_the_branch(functions: Exported) -> None:
    ended = functions.run(Count=3)

    assert ended["state"] == "failed"
    assert ended["tasks"]["announce"] == "skipped"
    assert ended["reasons"] == {"TooLittle": "Step TooLittle: sum is 30"}


TRAIN = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--slope", type=int)
slope = parser.parse_args().slope
(pathlib.Path(os.environ["SM_MODEL_DIR"]) / "model.json").write_text(json.dumps({"slope": slope}))
"""


def test_repack_puts_the_inference_script_beside_the_model(export: Callable[..., Exported]) -> None:
    inference = {"inference/inference.py": "def model_fn(folder): ...\n", "inference/shared.py": "X = 1\n"}
    pipeline = export("repack", {"train.py": TRAIN, **inference})
    pipeline.client("s3").put_object(Bucket=BUCKET, Key="data/x.csv", Body=b"1\n")
    ended = pipeline.run()

    assert ended["state"] == "success", ended
    [repack] = [name for name in ended["tasks"] if "RepackModel" in name]
    assert ended["tasks"][repack] == "success"
    models = pipeline.client("sagemaker").list_models()["Models"]
    [model] = [pipeline.client("sagemaker").describe_model(ModelName=one["ModelName"]) for one in models]
    uri = model["PrimaryContainer"]["ModelDataUrl"]
    body = pipeline.client("s3").get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        names = {member.name.removeprefix("./") for member in archive.getmembers() if member.isfile()}
    assert {"model.json", "code/inference.py", "code/shared.py"} <= names
