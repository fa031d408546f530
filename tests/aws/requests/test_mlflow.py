"""Which MLflow a job is told to log to."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, TUNING_JOB
from airflow_sm_pipelines.aws.requests.jobs import job_calls, tuning_calls
from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget, with_mlflow

SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"
TARGET = MlflowTarget(SERVER, "churn")
CONFIG = {"MlflowResourceArn": SERVER, "MlflowExperimentName": "churn"}
VARIABLES = {"MLFLOW_TRACKING_URI": SERVER, "MLFLOW_EXPERIMENT_NAME": "churn"}


@pytest.fixture
def request_of(start: Any, calls_of: Any) -> Any:
    def make(kind: Any, arguments: dict[str, Any], target: MlflowTarget | None = TARGET, calls: Any = job_calls) -> Any:
        _, creation = calls_of(calls(start(arguments, kind=kind, mlflow=lambda: target)))
        return creation.request

    return make


def test_a_training_job_is_told_by_its_member_and_its_code_by_the_environment(request_of: Any) -> None:
    request = request_of(TRAINING_JOB, {"Environment": {"A": "1"}})

    assert request["MlflowConfig"] == CONFIG
    assert request["Environment"] == {"A": "1", **VARIABLES}


def test_a_processing_job_has_no_such_member_and_is_told_by_the_environment(request_of: Any) -> None:
    request = request_of(PROCESSING_JOB, {})

    assert request["Environment"] == VARIABLES
    assert "MlflowConfig" not in request


def test_each_training_definition_of_a_tuning_job_is_told(request_of: Any) -> None:
    definitions = [{"DefinitionName": "one"}, {"DefinitionName": "two", "Environment": {"A": "1"}}]

    one = request_of(TUNING_JOB, {"TrainingJobDefinition": {}}, calls=tuning_calls)
    several = request_of(TUNING_JOB, {"TrainingJobDefinitions": definitions}, calls=tuning_calls)

    assert one["TrainingJobDefinition"] == {"Environment": VARIABLES}
    assert [each["Environment"] for each in several["TrainingJobDefinitions"]] == [VARIABLES, {"A": "1", **VARIABLES}]


def test_an_experiment_that_nobody_names_is_that_of_mlflow(request_of: Any) -> None:
    request = request_of(TRAINING_JOB, {}, MlflowTarget(SERVER))

    assert request["MlflowConfig"] == {"MlflowResourceArn": SERVER}
    assert request["Environment"] == {"MLFLOW_TRACKING_URI": SERVER}


def test_a_step_that_names_its_own_mlflow_keeps_it(request_of: Any) -> None:
    own = {"MlflowConfig": {"MlflowResourceArn": "other"}, "Environment": {}}

    request = request_of(TRAINING_JOB, own)

    assert {name: request[name] for name in own} == own


def test_a_step_that_sets_its_own_server_gets_no_experiment_of_another_one(request_of: Any) -> None:
    own = {"MLFLOW_TRACKING_URI": "https://mlflow.example"}

    assert request_of(PROCESSING_JOB, {"Environment": own})["Environment"] == own


def test_a_step_that_sets_only_the_experiment_keeps_it(request_of: Any) -> None:
    own = {"MLFLOW_EXPERIMENT_NAME": "mine"}

    assert request_of(PROCESSING_JOB, {"Environment": own})["Environment"] == {**own, "MLFLOW_TRACKING_URI": SERVER}


def test_a_serverless_training_job_runs_code_of_aws_which_reads_the_member(request_of: Any) -> None:
    request = request_of(TRAINING_JOB, {"ServerlessJobConfig": {"JobType": "FineTuning"}})

    assert request["MlflowConfig"] == CONFIG
    assert "Environment" not in request


def test_a_job_without_code_of_the_author_is_told_nothing(request_of: Any) -> None:
    assert "Environment" not in request_of(TRANSFORM_JOB, {})


@pytest.mark.parametrize("kind", [PROCESSING_JOB, TRAINING_JOB])
def test_a_pipeline_without_mlflow_changes_no_request(request_of: Any, kind: Any) -> None:
    assert request_of(kind, {}, None).keys() == {kind.name_member, "Tags"}


def test_an_environment_that_is_no_object_is_left_to_the_check_of_types() -> None:
    assert with_mlflow({"Environment": "A=1"}, PROCESSING_JOB, TARGET) == {"Environment": "A=1"}


@pytest.mark.parametrize("kind", [PROCESSING_JOB, TRAINING_JOB])
def test_the_api_has_the_members_that_are_set(sagemaker_client: Any, kind: Any) -> None:
    members = sagemaker_client.meta.service_model.operation_model(kind.create).input_shape.members

    assert set(with_mlflow({}, kind, TARGET)) <= set(members)
    assert kind.mlflow_member == "" or set(CONFIG) <= set(members[kind.mlflow_member].members)
