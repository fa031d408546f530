"""The first demo: prepare, train, evaluate, and register and predict if the model is good enough."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.s3_objects import split_uri
from airflow_sm_pipelines.demo.airflow_api import AirflowApi, ApiObject
from airflow_sm_pipelines.demo.examples import DIABETES, Demo, MeasuredExample, Metric, Stage

if TYPE_CHECKING:
    from botocore.client import BaseClient

_SHOWN_PREDICTIONS = 5


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction and its true value."""

    predicted: float
    actual: float


class RunResults:
    """The results of an ended run, read from the properties of its steps and from the files that these name.

    A step that has not succeeded has no results, even if it has properties.

    Args:
        example: The example that was run.
        api: The Airflow that ran it.
        s3: boto3 client for S3.
        run_id: The run.
    """

    def __init__(self, example: MeasuredExample, api: AirflowApi, s3: BaseClient, run_id: str) -> None:
        self._example = example
        self._api = api
        self._s3 = s3
        self._run_id = run_id

    def metric(self) -> float | None:
        """Return the metric; ``None`` if the step that measures it has not succeeded."""
        metric = self._example.metric
        if not self._succeeded(metric.step):
            return None
        files = self._example.load().step(metric.step).property_files
        file = next(file for file in files if file.name == metric.property_file)
        report = self._read(f"{self._output_uri(metric.step, file.output_name)}/{file.file_path}")
        return metric_in(json.loads(report), metric)

    def model_package(self) -> ApiObject | None:
        """Return the DescribeModelPackage answer; ``None`` if the step that registers it has not succeeded."""
        step = self._example.register_step
        return self._properties(step) if self._succeeded(step) else None

    def predictions_uri(self) -> str | None:
        """Return the S3 URI of the predictions; ``None`` if the step that writes them has not succeeded."""
        source = self._example.predictions
        if not self._succeeded(source.step):
            return None
        folder: str = self._properties(source.step)["TransformOutput"]["S3OutputPath"]
        return f"{folder}/{source.file}"

    def first_predictions(self, uri: str) -> list[Prediction]:
        """Return the first predictions beside the true values.

        Args:
            uri: Where the predictions are: one in each line, in the order of the true values.

        Raises:
            ValueError: There are not as many predictions as true values.
        """
        source = self._example.predictions
        truth = self._read(f"{self._output_uri(source.truth_step, source.truth_output)}/{source.truth_file}")
        pairs = zip(_first_column(self._read(uri)), _first_column(truth), strict=True)
        return [Prediction(*pair) for pair in pairs][:_SHOWN_PREDICTIONS]

    @cached_property
    def _states(self) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self._api.task_instances(self._example.name, self._run_id)}

    def _succeeded(self, step: str) -> bool:
        return self._states[step] == "success"

    def _properties(self, step: str) -> ApiObject:
        properties: ApiObject = self._api.xcom(self._example.name, self._run_id, step)
        return properties

    def _output_uri(self, step: str, output: str) -> str:
        outputs = self._properties(step)["ProcessingOutputConfig"]["Outputs"]
        return next(str(o["S3Output"]["S3Uri"]) for o in outputs if o["OutputName"] == output)

    def _read(self, uri: str) -> str:
        bucket, key = split_uri(uri)
        body: bytes = call(self._s3, "GetObject", {"Bucket": bucket, "Key": key})["Body"].read()
        return body.decode()


def metric_in(document: ApiObject, metric: Metric) -> float:
    """Return a metric's value from the property file that holds it."""
    *outer, last = metric.path
    for member in outer:
        document = document[member]
    return float(document[last])


def format_results(results: RunResults, label: str, limit: float) -> list[str]:
    """Return the results of a run as lines for people.

    Args:
        results: The results.
        label: What people call the metric.
        limit: The largest value of the metric that the run accepted.
    """
    lines = []
    if (value := results.metric()) is not None:
        lines.append(f"{label}: {value:.2f} (limit: {limit:g})")
    if package := results.model_package():
        version, approval = package["ModelPackageVersion"], package["ModelApprovalStatus"]
        lines.append(f"Model package: {package['ModelPackageArn']} (version {version}, {approval})")
    if uri := results.predictions_uri():
        lines += [f"Predictions: {uri}", f"  {'predicted':>9}  {'true value':>10}"]
        lines += [f"  {p.predicted:9.1f}  {p.actual:10.1f}" for p in results.first_predictions(uri)]
    return lines


def _first_column(csv: str) -> Iterator[float]:
    return (float(line.split(",")[0]) for line in csv.splitlines())


def _no_surroundings(stage: Stage) -> AbstractContextManager[Mapping[str, object]]:
    return nullcontext({})


def _results(stage: Stage, run_id: str, limit: float) -> Iterable[str]:
    results = RunResults(DIABETES, stage.airflow.api, stage.client("s3"), run_id)
    return format_results(results, DIABETES.metric.label, limit)


DIABETES_DEMO = Demo(DIABETES, _no_surroundings, _results)
