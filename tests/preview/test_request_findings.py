from __future__ import annotations

import copy

import botocore
import pytest

from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.preview.request_findings import request_findings

IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1"
ROLE = "arn:aws:iam::123456789012:role/Role"
TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "RoleArn": ROLE,
}
PROCESSING = {
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    "AppSpecification": {"ImageUri": IMAGE},
    "RoleArn": ROLE,
}
JOB = {"JobCategory": "AgentRFT", "JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": "{}", "RoleArn": ROLE}


def with_member(arguments, path, value):
    changed = copy.deepcopy(arguments)
    *parents, last = path.split(".")
    place = changed
    for parent in parents:
        place = place[parent]
    place[last] = value
    return changed


@pytest.fixture
def found(load):
    """Return JSON path -> (whether it is an error, message and hint) of what is said of steps."""

    def of(*steps, **members):
        return {
            finding.path: (isinstance(finding, DefinitionError), f"{finding.message} | {finding.hint}")
            for finding in request_findings(load(*steps, **members))
        }

    return of


@pytest.fixture
def training(found):
    """Return what is said of a Training step with one other value; a path is below its Arguments."""

    def of(path, value, **members):
        train = {"Name": "Train", "Type": "Training", "Arguments": with_member(TRAINING, path, value)}
        return {place.removeprefix("Steps[0].Arguments."): said for place, said in found(train, **members).items()}

    return of


def test_nothing_is_said_of_requests_that_fit(training):
    assert training("StoppingCondition.MaxRuntimeInSeconds", "60") == {}


# -- errors ------------------------------------------------------------------------------------------------------------


def test_a_member_that_the_api_does_not_know(training):
    [(path, (is_error, said))] = training("ResourceConfig.InstanceTyp", "ml.m5.xlarge").items()
    assert path == "ResourceConfig.InstanceTyp"
    assert is_error
    assert (
        said == f"CreateTrainingJob has no such member (botocore {botocore.__version__}) | did you mean InstanceType?"
    )


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("ResourceConfig.InstanceCount", "two", "CreateTrainingJob: expected an integer, found str 'two'"),
        ("ResourceConfig", "ml.m5.xlarge", "CreateTrainingJob: expected an object, found str 'ml.m5.xlarge'"),
        ("EnableManagedSpotTraining", "perhaps", "expected true or false"),
        ("InputDataConfig", {}, "expected a list"),
        ("RoleArn", "r", "1 characters, but the API requires at least 20"),
        ("ResourceConfig.VolumeSizeInGB", -1, "but the API requires at least"),
    ],
)
def test_a_value_that_the_api_does_not_take(training, path, value, expected):
    is_error, said = training(path, value)[path]
    assert is_error
    assert expected in said


def test_a_required_member_that_is_missing(found):
    arguments = copy.deepcopy(TRAINING)
    del arguments["AlgorithmSpecification"]["TrainingInputMode"]
    said = found({"Name": "Train", "Type": "Training", "Arguments": arguments})
    path = "Steps[0].Arguments.AlgorithmSpecification.TrainingInputMode"
    assert said == {path: (True, "CreateTrainingJob: required by the API, but missing | ")}


@pytest.mark.parametrize("image", ["my image", "s3://bucket/image.tar", "https://host/image:1", ""])
def test_an_image_that_is_none(training, image):
    is_error, said = training("AlgorithmSpecification.TrainingImage", image)["AlgorithmSpecification.TrainingImage"]
    assert is_error
    assert f"{image!r} is not a container image | write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG" in said


@pytest.mark.parametrize(
    ("type_", "arguments", "path"),
    [
        ("Processing", with_member(PROCESSING, "AppSpecification.ImageUri", "My Image"), "AppSpecification.ImageUri"),
        (
            "Model",
            {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "My-Image"}},
            "PrimaryContainer.Image",
        ),
        (
            "RegisterModel",
            {
                "ModelPackageGroupName": "group",
                "InferenceSpecification": {
                    "Containers": [{"Image": "My-Image"}],
                    "SupportedContentTypes": ["text/csv"],
                    "SupportedResponseMIMETypes": ["text/csv"],
                },
            },
            "InferenceSpecification.Containers[0].Image",
        ),
    ],
)
def test_images_of_other_types(found, type_, arguments, path):
    [(place, (is_error, said))] = found({"Name": "S", "Type": type_, "Arguments": arguments}).items()
    assert place == f"Steps[0].Arguments.{path}"
    assert is_error
    assert "is not a container image" in said


def test_an_environment_variable_called_image_is_none_of_our_business(training):
    assert training("Environment", {"Image": "My Image", "ImageUri": "https://x"}) == {}


def test_a_step_that_fails_before_its_first_call(found):
    quality = {
        "Name": "Check",
        "Type": "QualityCheck",
        "CheckType": "DATA_QUALITY",
        "Arguments": {
            **PROCESSING,
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "o",
                        "S3Output": {"S3Uri": "s3://b/o", "LocalPath": "/opt/ml/o", "S3UploadMode": "EndOfJob"},
                    }
                ]
            },
        },
    }
    [(path, (is_error, said))] = found(quality).items()
    assert path == "Steps[0]"
    assert is_error
    assert "the step would fail before its work starts: " in said
    assert "no previous baseline to carry over" in found({**quality, "SkipCheck": True})["Steps[0]"][1]
    quality["RegisterNewBaseline"] = True
    assert "no previous baseline to check against" in found(quality)["Steps[0]"][1]
    assert found({**quality, "SkipCheck": True}) == {}
    # Who starts the run decides.
    skip = {"Name": "Skip", "Type": "Boolean"}
    assert found({**quality, "SkipCheck": {"Get": "Parameters.Skip"}}, Parameters=[skip]) == {}
    [(is_error, said)] = found(
        {**quality, "SkipCheck": {"Get": "Parameters.Skip"}}, Parameters=[{**skip, "DefaultValue": False}]
    ).values()
    assert not is_error
    assert "with the defaults of the parameters: the step would fail" in said


# -- warnings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "near"),
    [
        ("ResourceConfig.InstanceType", "ml.m5.xlage", "ml.m5.xlarge"),
        ("AlgorithmSpecification.TrainingInputMode", "Fil", "File"),
    ],
)
def test_a_value_that_the_model_does_not_list_may_be_new(training, path, value, near):
    is_error, said = training(path, value)[path]
    assert not is_error
    assert f"{value!r} is none of the" in said
    assert f"did you mean `{near}`?" in said


def test_a_text_of_another_form(training):
    is_error, said = training("OutputDataConfig.S3OutputPath", "bucket/out")["OutputDataConfig.S3OutputPath"]
    assert not is_error
    assert "'bucket/out' does not have the form that the API demands: (https|s3)://" in said


def test_an_image_without_a_registry(training):
    path = "AlgorithmSpecification.TrainingImage"
    is_error, said = training(path, "image:1")[path]
    assert not is_error
    assert "the image 'image:1' is in no registry; SageMaker takes images from Amazon ECR" in said


@pytest.mark.parametrize("member", ["VpcConfig", "CustomerDetails"])
def test_what_the_sdk_writes_and_the_api_cannot_carry(found, member):
    value = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    said = found({"Name": "Tune", "Type": "Job", "Arguments": {**JOB, member: value}})
    is_error, sentence = said[f"Steps[0].Arguments.{member}"]
    assert not is_error  # how the service takes it is not documented
    assert "version 3 of the SDK writes it, but CreateJob has no such member" in sentence
    assert "the step fails before its job is created" in sentence


def test_another_unknown_member_of_a_job_is_an_error(found):
    [(is_error, _)] = found({"Name": "Tune", "Type": "Job", "Arguments": {**JOB, "NoSuchThing": 1}}).values()
    assert is_error


# -- parameters, placeholders ------------------------------------------------------------------------------------------


def test_a_default_that_does_not_fit_is_a_warning_since_a_run_can_give_another_value(training):
    path, get = "ResourceConfig.InstanceCount", {"Get": "Parameters.Count"}
    declared = {"Name": "Count", "Type": "Integer"}
    is_error, said = training(path, get, Parameters=[{**declared, "DefaultValue": -5}])[path]
    assert not is_error
    assert said.startswith("with the defaults of the parameters: CreateTrainingJob: -5")
    assert training(path, get, Parameters=[declared]) == {}
    assert training(path, get, Parameters=[{**declared, "DefaultValue": 2}]) == {}


def test_what_is_wrong_whatever_the_parameters_are_is_said_once(training):
    arguments = {"ResourceConfig": {"InstanceCount": "two", "Nothing": {"Get": "Parameters.P"}}}
    said = training("ResourceConfig", arguments["ResourceConfig"], Parameters=[{"Name": "P", "DefaultValue": "x"}])
    assert all(is_error for is_error, _ in said.values())
    assert {"ResourceConfig.InstanceCount", "ResourceConfig.Nothing"} <= set(said)


@pytest.mark.parametrize(
    "value", [{"Get": "Steps.P.ProcessingJobName"}, {"Get": "Execution.PipelineName"}, {"Get": "Parameters.P"}]
)
def test_what_only_a_run_knows_is_no_fault(found, value):
    steps = [
        {"Name": "P", "Type": "Processing", "Arguments": PROCESSING},
        {
            "Name": "T",
            "Type": "Training",
            "Arguments": with_member(TRAINING, "AlgorithmSpecification.TrainingImage", value),
        },
    ]
    assert found(*steps, Parameters=[{"Name": "P"}]) == {}


@pytest.mark.parametrize("text", ["${Image}", "{{ image }}", "$IMAGE", "<your image>"])
def test_an_unrendered_template_is_no_wrong_image(training, text):
    assert training("AlgorithmSpecification.TrainingImage", text) == {}


def test_a_placeholder_in_the_place_of_a_number_is_a_warning(training):
    [(is_error, _)] = training("ResourceConfig.InstanceCount", "{{ count }}").values()
    assert not is_error


# -- places ------------------------------------------------------------------------------------------------------------


def test_the_place_of_a_step_in_a_branch_and_in_a_loop(found):
    wrong = {"Type": "Training", "Arguments": {**TRAINING, "Nothing": 1}}
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {"Conditions": [], "IfSteps": [{"Name": "A", **wrong}], "ElseSteps": []},
    }
    loop = {
        "Name": "Loop",
        "Type": "ForEach",
        "Arguments": {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [{"Name": "B", **wrong}]},
    }
    assert list(found(gate, loop)) == [
        "Steps[0].Arguments.IfSteps[0].Arguments.Nothing",
        "Steps[1].Arguments.ForEachBody[0].Arguments.Nothing",
    ]


@pytest.mark.parametrize(
    ("type_", "members", "path"),
    [
        (
            "EMR",
            {"Arguments": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "x.jar", "Nothing": 1}}}},
            "Arguments.StepConfig.HadoopJarStep.Nothing",
        ),
        (
            "EMR",
            {
                "Arguments": {
                    "ClusterConfig": {"Instances": {}, "Nothing": 1},
                    "StepConfig": {"HadoopJarStep": {"Jar": "x.jar"}},
                }
            },
            "Arguments.ClusterConfig.Nothing",
        ),
        (
            "EMRServerless",
            {
                "Arguments": {
                    "ApplicationId": "00abc",
                    "ExecutionRoleArn": ROLE,
                    "JobConfig": {"jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/x.py", "nothing": 1}}},
                }
            },
            "Arguments.JobConfig.jobDriver.sparkSubmit.nothing",
        ),
        ("Lambda", {"FunctionArn": "not a function"}, "FunctionArn"),
    ],
)
def test_the_place_in_a_request_that_a_builder_puts_together(found, type_, members, path):
    assert f"Steps[0].{path}" in found({"Name": "S", "Type": type_, **members})


def test_free_json_is_not_compared_with_anything(found):
    event = {"ImageUri": "no image", "InstanceType": "none"}
    function = "arn:aws:lambda:us-west-2:123456789012:function:f"
    assert found({"Name": "L", "Type": "Lambda", "FunctionArn": function, "Arguments": event}) == {}


def test_an_mlflow_resource_that_is_none_is_told_once_and_at_its_own_place(found):
    steps = [{"Name": name, "Type": "Training", "Arguments": TRAINING} for name in ("A", "B")]
    wrong = {"MlflowResourceArn": "https://mlflow.example", "MlflowExperimentName": "churn"}

    assert list(found(*steps, MlflowConfig=wrong)) == ["MlflowConfig.MlflowResourceArn"]
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app"
    assert not found(*steps, MlflowConfig={"MlflowResourceArn": arn})


def test_an_mlflow_config_of_a_step_is_told_at_the_step(found):
    arguments = {**TRAINING, "MlflowConfig": {"MlflowResourceArn": "https://mlflow.example"}}

    assert list(found({"Name": "A", "Type": "Training", "Arguments": arguments})) == [
        "Steps[0].Arguments.MlflowConfig.MlflowResourceArn"
    ]


def test_the_prefix_of_a_package_is_too_long_only_where_it_counts(found):
    def register(**arguments):
        return {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageName": "p" * 39, **arguments}}

    (is_error, text), *_ = found(register()).values()
    assert is_error
    assert "at most 38 characters" in text
    assert not found(register(ModelPackageGroupName="abalone")), "a version has no name of its own"
