"""The calls that create the resource of a step."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import MODEL_PACKAGE, PROCESSING_JOB, RESOURCE_KINDS, TUNING_JOB
from airflow_sm_pipelines.aws.requests.jobs import (
    job_calls,
    model_package_calls,
    package_request,
    tuning_calls,
    with_role,
)
from airflow_sm_pipelines.aws.requests.names import resource_name
from airflow_sm_pipelines.errors import AwsCallError, UnfitRequestError

ROLE, OTHER_ROLE = "arn:aws:iam::123456789012:role/Pipeline", "arn:aws:iam::123456789012:role/Other"
GROUP = {"ModelPackageGroupName": "abalone"}
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/abalone"


def test_a_request_has_the_attempts_name_the_pipelines_role_and_the_owners_tags(start: Any, calls_of: Any) -> None:
    step = start({"Tags": [{"Key": "a"}]}, kind=PROCESSING_JOB, role_arn=ROLE, tags=[{"Key": "owner"}])

    made, creation = calls_of(job_calls(step))

    assert made == []
    assert (creation.service, creation.operation) == ("sagemaker", "CreateProcessingJob")
    tags = [{"Key": "a"}, {"Key": "owner"}]
    assert creation.request == {"ProcessingJobName": "attempt-0", "RoleArn": ROLE, "Tags": tags}


def test_a_role_in_the_definition_stays(start: Any, calls_of: Any) -> None:
    _, creation = calls_of(job_calls(start({"RoleArn": OTHER_ROLE}, kind=PROCESSING_JOB, role_arn=ROLE)))

    assert creation.request["RoleArn"] == OTHER_ROLE


def test_experiment_and_trial_are_made_before_the_job(start: Any, calls_of: Any) -> None:
    made, creation = calls_of(job_calls(start(kind=PROCESSING_JOB, trial=lambda: ("e", "t"))))

    assert [call.operation for call in made] == ["CreateExperiment", "CreateTrial"]
    assert creation.request["ExperimentConfig"]["TrialName"] == "t"


def test_an_experiment_config_of_the_steps_own_keeps_what_the_pipeline_does_not_name(start: Any, calls_of: Any) -> None:
    own = {"ExperimentConfig": {"TrialName": "own", "TrialComponentDisplayName": "mine", "RunName": "first"}}
    _, creation = calls_of(job_calls(start(own, kind=PROCESSING_JOB, trial=lambda: ("e", "t"))))
    _, without = calls_of(job_calls(start(own, kind=PROCESSING_JOB)))

    names = {"ExperimentName": "e", "TrialName": "t"}
    assert creation.request["ExperimentConfig"] == {**own["ExperimentConfig"], **names}
    assert without.request["ExperimentConfig"] == own["ExperimentConfig"], "experiments are switched off"


def test_a_tuning_job_has_a_trial_but_no_experiment_config(start: Any, calls_of: Any) -> None:
    step = start({"TrainingJobDefinition": {}}, kind=TUNING_JOB, trial=lambda: ("e", "t"), role_arn=ROLE)

    made, creation = calls_of(tuning_calls(step))

    assert [call.operation for call in made] == ["CreateExperiment", "CreateTrial"]
    assert "ExperimentConfig" not in creation.request
    assert creation.request["TrainingJobDefinition"] == {"RoleArn": ROLE}


@pytest.mark.parametrize("kind", RESOURCE_KINDS.values(), ids=lambda kind: kind.key)
def test_rows_tell_which_requests_take_experiments(kind: Any) -> None:
    from botocore.session import get_session

    members = get_session().get_service_model(kind.service).operation_model(kind.create).input_shape.members

    assert ("ExperimentConfig" in members) == kind.takes_experiment


def test_the_pipelines_role_is_given_to_each_definition_without_one() -> None:
    several = {"TrainingJobDefinitions": [{"RoleArn": OTHER_ROLE}, {"DefinitionName": "a"}]}
    assert with_role(several, ROLE)["TrainingJobDefinitions"] == [
        {"RoleArn": OTHER_ROLE},
        {"DefinitionName": "a", "RoleArn": ROLE},
    ]
    assert with_role({"TrainingJobDefinition": {"RoleArn": None}}, ROLE)["TrainingJobDefinition"]["RoleArn"] == ROLE
    assert with_role({"TrainingJobDefinition": {}}, None) == {"TrainingJobDefinition": {}}
    assert with_role({"TrainingJobDefinition": "nonsense"}, ROLE) == {"TrainingJobDefinition": "nonsense"}


# -- model packages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def package(start: Any) -> Any:
    return start(dict(GROUP), kind=MODEL_PACKAGE, tags=[{"Key": "owner"}])


def test_a_missing_group_is_created(api: Any, package: Any, perform: Any) -> None:
    api.add_client_error(
        "describe_model_package_group", "ValidationException", "ModelPackageGroup abalone does not exist."
    )
    api.add_response("create_model_package_group", {"ModelPackageGroupArn": ARN}, GROUP)

    creation = perform(model_package_calls(package), api.client)

    assert creation.request == {**GROUP, "ClientToken": "attempt-0"}


def test_a_group_that_is_there_is_used(api: Any, package: Any, perform: Any) -> None:
    status = {"CreationTime": 0, "CreatedBy": {}, "ModelPackageGroupStatus": "Completed"}
    api.add_response("describe_model_package_group", {**GROUP, "ModelPackageGroupArn": ARN, **status}, GROUP)

    assert perform(model_package_calls(package), api.client).operation == "CreateModelPackage"


def test_a_group_that_somebody_else_has_just_made_is_there(api: Any, package: Any, perform: Any) -> None:
    api.add_client_error("describe_model_package_group", "ValidationException", "it does not exist")
    api.add_client_error("create_model_package_group", "ValidationException", "Model Package Group already exists")

    assert perform(model_package_calls(package), api.client).operation == "CreateModelPackage"


def test_a_group_that_may_not_be_looked_at_is_an_error(api: Any, package: Any, perform: Any) -> None:
    api.add_client_error("describe_model_package_group", "AccessDeniedException", "no")

    with pytest.raises(AwsCallError, match="AccessDenied"):
        perform(model_package_calls(package), api.client)


def test_a_group_given_by_its_arn_is_not_looked_for(start: Any, calls_of: Any) -> None:
    made, _ = calls_of(model_package_calls(start({"ModelPackageGroupName": ARN}, kind=MODEL_PACKAGE)))

    assert made == []


ATTEMPT = "pipelines-abcdef012345-t0k3nt0-0"


def test_the_name_of_a_package_without_a_group_is_a_prefix_and_it_keeps_its_tags() -> None:
    """Developer guide, "Apply job prefixes to pipeline instantiations": the argument model_package_name."""
    request = {"ModelPackageName": "mine", "Tags": [{"Key": "a", "Value": "b"}]}

    assert package_request(request, ATTEMPT) == {**request, "ModelPackageName": "mine-abcdef012345-t0k3nt0-0"}


def test_the_prefix_of_a_package_has_at_most_38_characters() -> None:
    assert package_request({"ModelPackageName": "p" * 38}, ATTEMPT)["ModelPackageName"].startswith("p" * 38 + "-")
    with pytest.raises(UnfitRequestError, match=r"at most 38 characters; .* has 39$"):
        package_request({"ModelPackageName": "p" * 39}, ATTEMPT)


def test_the_api_takes_the_longest_name_of_a_package(sagemaker_client: Any) -> None:
    rule = sagemaker_client.meta.service_model.shape_for("EntityName").metadata
    token = resource_name("abcdef012345", "Register", "t0k3nt0k3n", 1003, limit=MODEL_PACKAGE.name_limit)

    name = package_request({"ModelPackageName": "p" * 38}, token)["ModelPackageName"]

    assert len(name) <= rule["max"]
    assert re.fullmatch(rule["pattern"], name)


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_package_without_a_name_is_left_to_the_api(name: Any) -> None:
    assert package_request({"ModelPackageName": name}, ATTEMPT) == {"ModelPackageName": name}


def test_a_version_in_a_group_has_neither_name_nor_tags_of_its_own() -> None:
    assert package_request({**GROUP, "ModelPackageName": "mine", "Tags": []}, ATTEMPT) == GROUP
