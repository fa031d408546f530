"""The first demo: prepare, train, evaluate, and register and predict if the model is good enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from airflow_sm_pipelines.demo.examples import DIABETES
from airflow_sm_pipelines.demo.run_results import RunResults, format_results
from airflow_sm_pipelines.demo.stage import Demo, Stage


def _surroundings(stage: Stage) -> AbstractContextManager[Mapping[str, Any]]:
    return nullcontext({})


def _results(stage: Stage, run_id: str, limit: float) -> Iterable[str]:
    results = RunResults(DIABETES, stage.airflow.api, stage.client("s3"), run_id)
    return format_results(results, DIABETES.metric.label, limit)


DIABETES_DEMO = Demo(DIABETES, _surroundings, _results)
