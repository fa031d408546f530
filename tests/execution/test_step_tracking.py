"""One try of a step's task that MLflow or SageMaker Experiments tracks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_sm_pipelines.errors import (
    StepError,
    StepFailedError,
)
from tests.execution.step_stand_ins import Task

# -- MLflow ------------------------------------------------------------------------------------------------------------

SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"


def with_mlflow(task: Task, config: Any) -> Task:
    pipeline = dataclasses.replace(task.settings.pipeline, mlflow_config=config)
    task.settings = dataclasses.replace(task.settings, pipeline=pipeline)
    return task


def test_a_job_is_told_where_to_log_with_mlflow(make_task: Any, context: Any, sagemaker: Any) -> None:
    name = {"Std:Join": {"On": "-", "Values": ["exp", {"Get": "Parameters.Team"}]}}
    task = with_mlflow(make_task({"Team": "churn"}), {"MlflowResourceArn": SERVER, "MlflowExperimentName": name})

    task.step(context).start()

    assert sagemaker.requests[0]["Environment"] == {
        "MLFLOW_TRACKING_URI": SERVER,
        "MLFLOW_EXPERIMENT_NAME": "exp-churn",
    }


def test_the_experiment_of_mlflow_is_the_same_for_all_steps_whenever_they_start(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    """A time in it is that of the execution's start."""
    config = {"MlflowResourceArn": SERVER, "MlflowExperimentName": {"Get": "Execution.CurrentDateTime"}}

    with_mlflow(make_task(), config).step(context).start()

    assert sagemaker.requests[0]["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "2026-01-02T03:04:05.000Z"


def test_a_run_may_name_another_experiment_of_mlflow(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = with_mlflow(make_task({"sm_mlflow_experiment_name": "try 1"}), {"MlflowResourceArn": SERVER})

    task.step(context).start()

    assert sagemaker.requests[0]["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "try 1"


def test_an_experiment_of_mlflow_without_a_server_fails_the_step_and_is_not_dropped(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    with pytest.raises(StepError, match="sm_mlflow_experiment_name needs a tracking server or an app"):
        make_task({"sm_mlflow_experiment_name": "try 1"}).step(context).start()

    assert sagemaker.requests == []


def test_without_mlflow_the_request_is_as_before(make_task: Any, context: Any, sagemaker: Any) -> None:
    make_task().step(context).start()

    assert "Environment" not in sagemaker.requests[0]


# -- experiments -------------------------------------------------------------------------------------------------------


@pytest.fixture
def experiments(sagemaker: Any) -> list[tuple[str, ...]]:
    """Which experiments and trials were asked for."""
    made: list[tuple[str, ...]] = []
    sagemaker.create_experiment = lambda ExperimentName: made.append((ExperimentName,)) or {}  # noqa: N803
    sagemaker.create_trial = lambda **names: made.append((names["ExperimentName"], names["TrialName"])) or {}
    return made


def with_experiment(task: Task, config: Any) -> Task:
    pipeline = dataclasses.replace(task.settings.pipeline, experiment_config=config)
    task.settings = dataclasses.replace(task.settings, pipeline=pipeline)
    return task


@pytest.mark.parametrize("config", [{}, {"ExperimentName": {"Get": "Execution.PipelineName"}}])
def test_a_job_belongs_to_the_experiment_of_the_pipeline_and_the_trial_of_the_execution(
    make_task: Any, context: Any, sagemaker: Any, experiments: Any, config: Any
) -> None:
    task = with_experiment(make_task(), config)

    task.step(context).start()

    trial = sagemaker.requests[0]["ExperimentConfig"]["TrialName"]
    assert sagemaker.requests[0]["ExperimentConfig"] == {
        "ExperimentName": "Pipe",
        "TrialName": trial,
        "TrialComponentDisplayName": "Step",
    }
    assert experiments == [("Pipe",), ("Pipe", trial)]
    assert trial in sagemaker.requests[0]["ProcessingJobName"], "the trial is the execution"


def test_the_trial_is_shown_under_the_display_name_of_the_run(make_task: Any, context: Any, sagemaker: Any) -> None:
    made: list[dict[str, str]] = []
    sagemaker.create_experiment = lambda **names: made.append(names) or {}
    sagemaker.create_trial = lambda **names: made.append(names) or {}

    with_experiment(make_task({"sm_display_name": "Try-1"}), {}).step(context).start()

    assert [names.get("DisplayName") for names in made] == [None, "Try-1"]


def test_the_definitions_own_display_name_stays(make_task: Any, context: Any, sagemaker: Any, experiments: Any) -> None:
    own = {"TrialComponentDisplayName": "Preprocessing"}
    task = with_experiment(make_task(ExperimentConfig=own), {"ExperimentName": "e", "TrialName": "t"})

    task.step(context).start()

    assert sagemaker.requests[0]["ExperimentConfig"] == {"ExperimentName": "e", "TrialName": "t", **own}


def test_without_experiments_nothing_is_made(make_task: Any, context: Any, sagemaker: Any, experiments: Any) -> None:
    with_experiment(make_task(), None).step(context).start()

    assert experiments == []
    assert "ExperimentConfig" not in sagemaker.requests[0]


def test_a_role_that_may_make_no_experiment_is_told_the_two_cures(
    make_task: Any, context: Any, sagemaker: Any, client_error: Any
) -> None:
    def refuse(**_: Any) -> None:
        raise client_error("AccessDeniedException", "no")

    sagemaker.create_experiment = refuse
    with pytest.raises(
        StepFailedError, match=r"allow sagemaker:CreateExperiment .* or remove PipelineExperimentConfig from"
    ):
        with_experiment(make_task(), {}).step(context).start()
    assert sagemaker.requests == []
