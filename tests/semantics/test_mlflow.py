"""Where the jobs of a run log to with MLflow."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.aws.requests.jobs import job_calls, tuning_calls
from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.semantics.given_options import RunOptionError, RunOptions
from airflow_sm_pipelines.semantics.mlflow import STEP_TYPES_WITH_MLFLOW, mlflow_target

CONFIG = {"MlflowResourceArn": "server", "MlflowExperimentName": "churn"}


def test_the_definition_names_server_and_experiment() -> None:
    assert mlflow_target(CONFIG, RunOptions()) == MlflowTarget("server", "churn")


@pytest.mark.parametrize("nothing", [{}, {"MlflowExperimentName": None}, {"MlflowExperimentName": ""}])
def test_an_experiment_that_is_left_out_or_null_is_that_of_mlflow(nothing: dict[str, object]) -> None:
    assert mlflow_target({"MlflowResourceArn": "server", **nothing}, RunOptions()) == MlflowTarget("server", "")


def test_a_run_overrides_the_experiment_and_the_server_stays() -> None:
    """As DescribePipelineExecution shows it in the SDK's integration test."""
    assert mlflow_target(CONFIG, RunOptions(mlflow_experiment_name="try")) == MlflowTarget("server", "try")


def test_a_run_overrides_the_server_and_the_experiment_stays() -> None:
    assert mlflow_target(CONFIG, RunOptions(mlflow_resource_arn="app")) == MlflowTarget("app", "churn")


def test_a_run_may_name_a_server_that_the_definition_does_not() -> None:
    assert mlflow_target(None, RunOptions(mlflow_resource_arn="app", mlflow_experiment_name="x")) == MlflowTarget(
        "app", "x"
    )


def test_without_a_config_nothing_is_told() -> None:
    assert mlflow_target(None, RunOptions()) is None


def test_a_parameter_may_leave_the_server_empty() -> None:
    assert mlflow_target({"MlflowResourceArn": "", "MlflowExperimentName": "churn"}, RunOptions()) is None


def test_an_experiment_of_a_run_without_a_server_is_refused_and_not_dropped() -> None:
    with pytest.raises(RunOptionError, match=r"^sm_mlflow_experiment_name needs a tracking server or an app"):
        mlflow_target(None, RunOptions(mlflow_experiment_name="try"))


def test_the_types_whose_jobs_are_told_are_those_that_run_code_of_the_author() -> None:
    rows = [row for row in CATALOG.values() if row.calls]
    told = {row.step_type for row in rows if row.kind and row.kind.runs_own_code and row.builder() is job_calls}
    told |= {row.step_type for row in rows if row.builder() is tuning_calls}

    assert told == STEP_TYPES_WITH_MLFLOW
