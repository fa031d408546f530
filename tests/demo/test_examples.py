from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.demo import examples
from airflow_sm_pipelines.demo.examples import DIABETES, dags_folder, upload_scripts
from airflow_sm_pipelines.preview.advice import warnings

REPOSITORY = Path(__file__).parents[2]


class Bucket:
    """What `upload_scripts` needs of S3."""

    meta = SimpleNamespace(region_name="us-west-2")
    exceptions = SimpleNamespace(BucketAlreadyOwnedByYou=KeyError, BucketAlreadyExists=KeyError)

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def create_bucket(self, **request: object) -> None:
        assert request["Bucket"] == "sm-pipelines-demo"

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's names
        self.objects[f"s3://{Bucket}/{Key}"] = Body


def test_in_a_checkout_the_examples_are_those_of_the_repository() -> None:
    assert dags_folder() == REPOSITORY / "dags"


def test_in_an_installed_package_the_examples_lie_beside_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed, checkout = tmp_path / "example_dags", tmp_path / "dags"
    for folder in (installed, checkout):
        folder.mkdir()
        (folder / "diabetes.json").touch()
    monkeypatch.setattr(examples, "_FOLDERS", (installed, checkout))
    assert dags_folder() == installed


def test_a_package_without_examples_says_where_it_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(examples, "_FOLDERS", (tmp_path / "nowhere",))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dags_folder()


def test_the_diabetes_definition_has_neither_errors_nor_warnings() -> None:
    assert warnings(DIABETES.load()) == ()


def test_the_graph_of_the_diabetes_pipeline() -> None:
    plans = {plan.step.name: plan for plan in DIABETES.load().plans}
    assert {name: (plan.step.type, {edge.upstream for edge in plan.edges}) for name, plan in plans.items()} == {
        "Prepare": ("Processing", set()),
        "Train": ("Training", {"Prepare"}),
        "Evaluate": ("Processing", {"Prepare", "Train"}),
        "CheckMse": ("Condition", {"Evaluate"}),
        "Register-RegisterModel": ("RegisterModel", {"CheckMse", "Evaluate", "Train"}),
        "CreateModel": ("Model", {"CheckMse", "Train"}),
        "Predict": ("Transform", {"CheckMse", "CreateModel", "Prepare"}),
        # the branch, and the MSE in its message
        "MseTooHigh": ("Fail", {"CheckMse", "Evaluate"}),
    }
    assert plans["CheckMse"].if_steps == ("Register-RegisterModel", "CreateModel", "Predict")
    assert plans["CheckMse"].else_steps == ("MseTooHigh",)


def test_the_metric_is_the_number_that_the_condition_reads() -> None:
    check: Any = DIABETES.load().step("CheckMse")
    [condition] = check.arguments["Conditions"]
    file = f"Steps.{DIABETES.metric.step}.PropertyFiles.{DIABETES.metric.property_file}"
    assert condition["LeftValue"]["Std:JsonGet"]["PropertyFile"] == {"Get": file}
    assert condition["LeftValue"]["Std:JsonGet"]["Path"] == ".".join(DIABETES.metric.path)
    assert condition["RightValue"] == {"Get": f"Parameters.{DIABETES.limit_parameter}"}


def test_the_model_and_the_predictions_come_from_the_steps_that_the_example_names() -> None:
    pipeline = DIABETES.load()
    assert pipeline.step(DIABETES.register_step).type == "RegisterModel"
    assert pipeline.step(DIABETES.predictions.step).type == "Transform"
    truth: Any = pipeline.step(DIABETES.predictions.truth_step)
    outputs = [output["OutputName"] for output in truth.arguments["ProcessingOutputConfig"]["Outputs"]]
    assert DIABETES.predictions.truth_output in outputs


def test_the_scripts_are_uploaded_where_the_definition_expects_them() -> None:
    s3, pipeline = Bucket(), DIABETES.load()
    upload_scripts(s3, DIABETES)
    assert set(s3.objects) >= {code_uri(pipeline.step(name)) for name in ("Prepare", "Evaluate")}
    assert all(s3.objects.values())


def code_uri(step: Any) -> str:
    [code] = [entry for entry in step.arguments["ProcessingInputs"] if entry["InputName"] == "code"]
    join = code["S3Input"]["S3Uri"]["Std:Join"]
    return str(
        join["On"].join(
            "sm-pipelines-demo" if part == {"Get": "Parameters.Bucket"} else part for part in join["Values"]
        )
    )


def test_the_job_scripts_are_no_dag_files() -> None:
    assert DIABETES.scripts
    for script in DIABETES.scripts:
        text = script.read_bytes().lower()
        assert not (b"dag" in text and b"airflow" in text), "Airflow's safe mode would import it"
    assert "*_scripts/" in (dags_folder() / ".airflowignore").read_text().split()


def test_the_dag_file_is_two_lines() -> None:
    tree = ast.parse((dags_folder() / "diabetes.py").read_text())
    assert [type(statement) for statement in tree.body] == [ast.Expr, ast.ImportFrom, ast.Assign]
