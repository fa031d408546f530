"""Tuning steps against a local AWS that rehearses: what they send and publish, and what a crash leaves."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from airflow_sm_pipelines.errors import StepError, StepFailedError

pytestmark = pytest.mark.loopback

ROLE = "arn:aws:iam::123456789012:role/Pipeline"
NAME = "HyperParameterTuningJobName"


def step(**members: Any) -> dict[str, Any]:
    ranges = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": 0.1, "MaxValue": "0.9"}]}
    return {
        "Name": "Tune",
        "Type": "Tuning",
        "Arguments": {
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": "3", "MaxParallelTrainingJobs": 3},
                "ParameterRanges": ranges,
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {
                    "TrainingImage": "mine:1",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*)"}],
                },
                "OutputDataConfig": {"S3OutputPath": "s3://tuned/models"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "StaticHyperParameters": {"rounds": 5},
            },
        },
        **members,
    }


@pytest.fixture
def make_task(definition: Any, ti: Any, hosting: Any) -> Any:
    """Make the task of a pipeline with this experiment."""
    from airflow_sm_pipelines import pipeline_dag

    def make(experiment: Any) -> Any:
        body = definition(step(), PipelineExperimentConfig=experiment)
        task = pipeline_dag(body, dag_id="dag", aws_conn_id=None, role_arn=ROLE).task_dict["Tune"]
        ti.task_id, ti.task = task.task_id, task
        return task

    return make


@pytest.fixture
def task(make_task: Any) -> Any:
    return make_task({"ExperimentName": "tuning", "TrialName": {"Get": "Execution.PipelineExecutionId"}})


@pytest.fixture(autouse=True)
def _own_run(ti: Any, request: pytest.FixtureRequest) -> None:
    ti.run_id = request.node.name


def tuning_jobs(client: Any) -> dict[str, str]:
    summaries = client.list_hyper_parameter_tuning_jobs(MaxResults=100)["HyperParameterTuningJobSummaries"]
    return {one[NAME]: one["HyperParameterTuningJobStatus"] for one in summaries}


def test_it_publishes_the_description_and_the_training_jobs_the_best_first(task: Any, context: Any) -> None:
    properties = task.execute(context)

    assert properties["HyperParameterTuningJobStatus"] == "Completed"
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in properties["TrainingJobSummaries"]]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert properties["BestTrainingJob"]["TrainingJobName"] == properties["TrainingJobSummaries"][0]["TrainingJobName"]


def test_the_request_has_a_short_name_the_pipelines_role_and_the_apis_types(task: Any, context: Any) -> None:
    task.execute(context)

    assert len(task.request[NAME]) <= 32
    definition = task.request["TrainingJobDefinition"]
    assert definition["RoleArn"] == ROLE
    assert definition["StaticHyperParameters"] == {"rounds": "5"}
    assert task.request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 3
    assert "RoleArn" not in task.request
    assert {"Key": "sm-pipelines:task", "Value": "Tune"} in task.request["Tags"]


def test_its_training_jobs_belong_to_the_experiment_of_the_pipeline(task: Any, context: Any, hosting: Any) -> None:
    properties = task.execute(context)

    trial = properties[NAME].split("-")[1]
    components = hosting.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    names = {f"{one['TrainingJobName']}-aws-training-job" for one in properties["TrainingJobSummaries"]}
    assert {one["TrialComponentName"] for one in components} == names


def test_without_an_experiment_nothing_of_the_sort_is_asked(make_task: Any, context: Any, through: Any) -> None:
    client = through()

    make_task(None).execute(context)

    assert not {"create_trial", "associate_trial_component"} & set(client.made)


def test_a_refusal_to_put_them_into_the_experiment_is_a_warning(
    task: Any, context: Any, hosting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError
    from structlog.testing import capture_logs

    def refuse(**request: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "AssociateTrialComponent")

    monkeypatch.setattr(hosting, "associate_trial_component", refuse)

    with capture_logs() as told:
        properties = task.execute(context)

    assert len(properties["TrainingJobSummaries"]) == 3
    [warning] = [entry for entry in told if "could be put into trial" in entry["event"]]
    assert warning["log_level"] == "warning"
    assert "allow sagemaker:AssociateTrialComponent" in warning["event"]


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_call_leaves_one_tuning_job(
    task: Any, context: Any, hosting: Any, through: Any, *, before: bool
) -> None:
    for at in count(1):
        context["ti"].run_id = f"crash {before} {at}"
        context["ti"].try_number = 1
        context["task_state_store"].texts.clear()
        known = set(tuning_jobs(hosting))
        crashing = through(at, before=before)
        try:
            task.execute(context)
        except crashing.Crashed:
            through()
            context["ti"].try_number = 2
            properties = task.execute(context)
            assert len(properties["TrainingJobSummaries"]) == 3
            assert set(tuning_jobs(hosting)) - known == {properties[NAME]}, crashing.made
        else:
            break
    assert at > 8, "it crashed at Create, and at each call before and after it"


def test_a_failure_tells_why_and_internal_errors_are_not_retried(
    task: Any, context: Any, fail_deployments: Any
) -> None:
    fail_deployments("CreateHyperParameterTuningJob", "InternalServerError: We encountered an internal error.")

    with pytest.raises(StepFailedError, match=r"hyperparameter tuning job .* ended Failed: InternalServer") as caught:
        task.execute(context)

    assert caught.value.exception_type is None, "a tuning job retries by itself"


def test_a_lack_of_capacity_may_be_retried(task: Any, context: Any, fail_deployments: Any) -> None:
    fail_deployments("CreateHyperParameterTuningJob", "CapacityError: none left")

    with pytest.raises(StepFailedError) as caught:
        task.execute(context)

    assert caught.value.exception_type == "SageMaker.CAPACITY_ERROR"


def test_a_busy_aws_after_the_end_is_asked_again_about_the_same_tuning_job(
    task: Any, context: Any, hosting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    def throttle(**request: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "List")

    monkeypatch.setattr(hosting, "list_training_jobs_for_hyper_parameter_tuning_job", throttle)
    before = set(tuning_jobs(hosting))
    with pytest.raises(StepFailedError, match="cannot list the training jobs") as caught:
        task.execute(context)
    assert caught.value.exception_type == "Step.THROTTLING"
    monkeypatch.delattr(hosting, "list_training_jobs_for_hyper_parameter_tuning_job")

    context["ti"].try_number = 2
    assert len(task.execute(context)["TrainingJobSummaries"]) == 3
    assert len(set(tuning_jobs(hosting)) - before) == 1


def test_a_killed_task_stops_its_tuning_job(
    task: Any, context: Any, hosting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_sm_pipelines.execution import step_run

    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    describe = hosting.describe_hyper_parameter_tuning_job

    def killing(**request: Any) -> Any:
        task.on_kill()
        return {**describe(**request), "HyperParameterTuningJobStatus": "InProgress"}

    stopped: list[str] = []
    monkeypatch.setattr(hosting, "describe_hyper_parameter_tuning_job", killing)
    monkeypatch.setattr(
        hosting, "stop_hyper_parameter_tuning_job", lambda **request: stopped.append(request[NAME]) or {}
    )

    with pytest.raises(StepError, match="its job was stopped"):
        task.execute(context)

    assert stopped == [task.request[NAME]]
