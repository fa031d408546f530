from __future__ import annotations

import io
from typing import Any

import pytest

from airflow_sm_pipelines.demo.diabetes import Prediction, RunResults, format_results, metric_in
from airflow_sm_pipelines.demo.examples import DIABETES

PACKAGE = {"ModelPackageArn": "arn:p/2", "ModelPackageVersion": 2, "ModelApprovalStatus": "Approved"}
PROPERTIES = {
    "Prepare": {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "test", "S3Output": {"S3Uri": "s3://b/test"}}]}},
    "Evaluate": {
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": name, "S3Output": {"S3Uri": f"s3://b/{name}"}} for name in ("other", "evaluation")
            ]
        }
    },
    "Register-RegisterModel": PACKAGE,
    "Predict": {"TransformOutput": {"S3OutputPath": "s3://b/out"}},
}
FILES = {
    "evaluation/evaluation.json": b'{"regression_metrics": {"mse": {"value": 2.5}}}',
    "test/test.csv": b"".join(b"%d,0.5\n" % number for number in range(10, 17)),
    "out/features.csv.out": b"".join(b"%d.25\n" % number for number in range(20, 27)),
}


class Airflow:
    """Answers about one run of the example."""

    def __init__(self, states: dict[str, str]) -> None:
        self._states = states

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, str]]:
        assert (dag_id, run_id) == ("diabetes", "run")
        return [{"task_id": name, "state": state} for name, state in self._states.items()]

    def xcom(self, _dag_id: str, _run_id: str, task_id: str) -> dict[str, Any]:
        return PROPERTIES[task_id]


class Bucket:
    """The files that the jobs of the run have left."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert Bucket == "b"
        return {"Body": io.BytesIO(self._files[Key])}


def results(files: dict[str, bytes] | None = None, **states: str) -> RunResults:
    all_states = {**dict.fromkeys(PROPERTIES, "success"), **states}
    return RunResults(DIABETES, Airflow(all_states), Bucket({**FILES, **(files or {})}), "run")  # type: ignore[arg-type]


def test_the_metric_is_a_number_of_the_property_file() -> None:
    assert metric_in({"regression_metrics": {"mse": {"value": 12}}}, DIABETES.metric) == 12.0


def test_the_metric_is_read_from_the_output_of_the_run() -> None:
    assert results().metric() == 2.5


def test_a_step_that_failed_has_no_metric_though_it_has_properties() -> None:
    assert results(Evaluate="failed").metric() is None


def test_a_step_that_was_skipped_has_registered_and_predicted_nothing() -> None:
    ended = results(**{"Register-RegisterModel": "skipped", "Predict": "skipped"})
    assert ended.model_package() is None
    assert ended.predictions_uri() is None


def test_the_first_five_predictions_stand_beside_the_true_values() -> None:
    ended = results()
    uri = ended.predictions_uri()
    assert uri == "s3://b/out/features.csv.out"
    assert ended.first_predictions(uri) == [Prediction(20.25 + n, 10.0 + n) for n in range(5)]


def test_predictions_that_do_not_match_the_true_values_are_not_shown() -> None:
    ended = results({"out/features.csv.out": b"1\n2\n3\n4\n5\n6\n"})
    with pytest.raises(ValueError, match="zip"):
        ended.first_predictions("s3://b/out/features.csv.out")


def test_what_a_run_has_made_is_told_in_lines() -> None:
    assert format_results(results(), "MSE", 4000.0)[:5] == [
        "MSE: 2.50 (limit: 4000)",
        "Model package: arn:p/2 (version 2, Approved)",
        "Predictions: s3://b/out/features.csv.out",
        "  predicted  true value",
        "       20.2        10.0",
    ]


def test_a_run_that_was_not_good_enough_has_only_its_metric() -> None:
    ended = results(**{"Register-RegisterModel": "skipped", "Predict": "skipped"})
    assert format_results(ended, "MSE", 1.0) == ["MSE: 2.50 (limit: 1)"]
