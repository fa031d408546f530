from __future__ import annotations

import pytest

from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS
from airflow_sm_pipelines.catalog import CATALOG
from tests.preview.permissions.conftest import (
    ROLE,
    SAGEMAKER,
    actions,
    get,
    join,
    output,
    processing,
    resources,
    training,
)

EMR_STEP = {"HadoopJarStep": {"Jar": "command-runner.jar"}}
EMR_CLUSTER = {"Instances": {}, "ServiceRole": "Service", "JobFlowRole": "Nodes"}
SERVERLESS = {"JobConfig": {"executionRoleArn": ROLE}}
TRANSFORM: dict[str, dict[str, str]] = {"TransformInput": {}, "TransformOutput": {}, "TransformResources": {}}
# A step of each kind, as large as its actions need.
STEPS = {
    "processing-job": processing("A"),
    "training-job": training("A"),
    "transform-job": {"Name": "A", "Type": "Transform", "Arguments": {"ModelName": "m", **TRANSFORM}},
    "model": {"Name": "A", "Type": "Model", "Arguments": {"ExecutionRoleArn": ROLE}},
    "model-package": {"Name": "A", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "g", "Tags": []}},
    "tuning-job": {
        "Name": "A",
        "Type": "Tuning",
        "Arguments": {"HyperParameterTuningJobConfig": {}, "TrainingJobDefinition": {"RoleArn": ROLE}},
    },
    "auto-ml-job": {
        "Name": "A",
        "Type": "AutoML",
        "Arguments": {"InputDataConfig": [], "OutputDataConfig": {"S3OutputPath": "s3://b/o"}, "RoleArn": ROLE},
    },
    "model-customization-job": {
        "Name": "A",
        "Type": "Job",
        "Arguments": {
            "JobCategory": "C",
            "JobConfigSchemaVersion": "1.0.0",
            "JobConfigDocument": "{}",
            "RoleArn": ROLE,
        },
    },
    "endpoint-config": {
        "Name": "A",
        "Type": "EndpointConfig",
        "Arguments": {"EndpointConfigName": "c", "ProductionVariants": [], "ExecutionRoleArn": ROLE},
    },
    "endpoint": {"Name": "A", "Type": "Endpoint", "Arguments": {"EndpointName": "e", "EndpointConfigName": "c"}},
    "inference-component": {
        "Name": "A",
        "Type": "InferenceComponent",
        "Arguments": {"InferenceComponentName": "i", "EndpointName": "e", "Specification": {}},
    },
    "emr-step": {"Name": "A", "Type": "EMR", "Arguments": {"ClusterId": "j-1", "StepConfig": EMR_STEP}},
    "emr-cluster": {"Name": "A", "Type": "EMR", "Arguments": {"ClusterConfig": EMR_CLUSTER, "StepConfig": EMR_STEP}},
    "emr-serverless-job": {"Name": "A", "Type": "EMRServerless", "Arguments": {"ApplicationId": "00a", **SERVERLESS}},
    "emr-serverless-application": {
        "Name": "A",
        "Type": "EMRServerless",
        "Arguments": {"ApplicationConfig": {"type": "SPARK"}, **SERVERLESS},
    },
}
EXPERIMENT = {"ExperimentName": "e", "TrialName": "t"}


@pytest.mark.parametrize("kind", RESOURCE_KINDS.values(), ids=lambda kind: kind.key)
def test_a_step_needs_the_actions_of_its_resource_and_no_others(kind, needed):
    [needs] = needed(STEPS[kind.key], PipelineExperimentConfig=EXPERIMENT).airflow

    beside = {"logs:DescribeLogStreams", "logs:GetLogEvents"} if kind.log_group else set()
    untagged = {"sagemaker:AddTags"} if kind.key == "model-package" else set()  # a version has its group's tags
    assert actions(needs) - beside == set(kind.iam_actions) - untagged
    assert needs.faults == ()


def test_there_is_a_step_of_each_kind():
    assert STEPS.keys() == RESOURCE_KINDS.keys()


@pytest.mark.parametrize("step_type", [name for name, row in CATALOG.items() if not row.calls])
def test_a_step_that_only_decides_needs_nothing(step_type, needed):
    steps = {
        "Condition": {"Conditions": [], "IfSteps": [], "ElseSteps": []},
        "Fail": {"ErrorMessage": "no"},
        "ForEach": {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [processing("B")]},
    }

    first, *_ = needed({"Name": "A", "Type": step_type, "Arguments": steps[step_type]}).airflow

    assert first.permissions == ()


def test_jobs_are_found_by_what_all_their_names_begin_with(needed):
    [plain, named] = needed(processing("A"), training("B", {"TrainingJobName": "Base"})).airflow

    assert resources(plain, "sagemaker:StopProcessingJob") == {f"{SAGEMAKER}:processing-job/pipelines-*"}
    # SageMaker writes names in ARNs in small letters.
    assert resources(named, "sagemaker:CreateTrainingJob") == {
        f"{SAGEMAKER}:training-job/Base-*",
        f"{SAGEMAKER}:training-job/base-*",
    }


def test_a_role_is_passed_to_its_service_only(needed):
    [needs] = needed(processing("A")).airflow

    [passed] = [one.allows for one in needs.permissions if one.allows.action == "iam:PassRole"]
    assert passed.resources == (ROLE,)
    assert passed.condition == ("StringEquals", "iam:PassedToService", "sagemaker.amazonaws.com")


def test_each_role_of_a_cluster_is_passed_to_its_own_service(needed):
    [needs] = needed(STEPS["emr-cluster"]).airflow

    passed = {one.allows.resources: one.allows.condition[2] for one in needs.permissions if one.allows.condition}
    assert passed == {
        ("arn:aws:iam::123456789012:role/Service",): "elasticmapreduce.amazonaws.com",
        ("arn:aws:iam::123456789012:role/Nodes",): "ec2.amazonaws.com",
    }


def test_a_role_that_only_a_run_knows_is_any_role_and_said_to_be_unknown(needed):
    step = processing("A", {"RoleArn": get("Parameters.Role")})

    [needs] = needed(step, Parameters=[{"Name": "Role", "Type": "String"}]).airflow

    assert resources(needs, "iam:PassRole") == {"arn:aws:iam::123456789012:role/*"}
    assert [one.text for one in needs.unknown] == ["Parameters.Role"]


def test_a_step_without_a_role_gets_that_of_the_dag(needed):
    step = processing("A")
    del step["Arguments"]["RoleArn"]

    [without], [with_role] = needed(step).airflow, needed(step, role_arn=ROLE).airflow

    assert [one.text for one in without.unknown] == ["role of the DAG"]
    assert resources(with_role, "iam:PassRole") == {ROLE}


def test_a_property_file_is_read_where_its_step_writes_it(needed):
    writer = processing(
        "A",
        output("o", join("s3://b", get("Execution.PipelineExecutionId"), on="/")),
        PropertyFiles=[{"PropertyFileName": "R", "OutputName": "o", "FilePath": "r.json"}],
    )
    value = {"Std:JsonGet": {"PropertyFile": get("Steps.A.PropertyFiles.R"), "Path": "a"}}
    reader = {"Name": "B", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"x": value}}

    [first, second] = needed(writer, reader).airflow

    assert resources(second, "s3:GetObject") == {"arn:aws:s3:::b/*/r.json"}
    assert "s3:GetObject" not in actions(first)


def test_a_check_reads_its_report_and_finds_its_baseline(needed):
    check = processing("A", output("o", "s3://b/check"), CheckType="DATA_QUALITY", ModelPackageGroupName="g")
    check["Type"] = "QualityCheck"

    [needs] = needed(check).airflow

    assert resources(needs, "s3:GetObject") == {"arn:aws:s3:::b/check/constraint_violations.json"}
    assert resources(needs, "s3:ListBucket") == {"arn:aws:s3:::b"}
    assert resources(needs, "sagemaker:DescribeModelPackage") == {f"{SAGEMAKER}:model-package/g/*"}
    assert resources(needs, "sagemaker:ListModelPackages") == {"*"}


def test_the_model_of_a_cached_step_is_described(needed):
    cached = {**STEPS["transform-job"], "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}

    [plain], [needs] = needed(STEPS["transform-job"]).airflow, needed(cached).airflow

    assert "sagemaker:DescribeModel" not in actions(plain)
    assert resources(needs, "sagemaker:DescribeModel") == {f"{SAGEMAKER}:model/m"}


def test_lineage_that_is_there_is_found_and_updated(needed):
    lineage = {"Actions": [{"ActionName": "a", "ActionType": "t", "Source": {"SourceUri": "u"}}]}

    [needs] = needed({"Name": "A", "Type": "Lineage", "Arguments": lineage}).airflow

    assert actions(needs) == {f"sagemaker:{verb}Action" for verb in ("Create", "Describe", "Update")} | {
        "sagemaker:AddTags"
    }


def test_a_cleanup_lists_and_deletes_only_what_it_names(needed):
    uris = {"Resources": {"S3": [{"StepName": "T", "S3Uris": ["s3://b/tmp/x"]}, {"StepName": "T"}]}}

    [_, needs] = needed(training("T"), {"Name": "A", "Type": "Cleanup", "Arguments": uris, "DependsOn": ["T"]}).airflow

    assert resources(needs, "s3:DeleteObject") == {"arn:aws:s3:::b/tmp/x", "arn:aws:s3:::b/*"}
    listed = {one.allows.condition[2] for one in needs.permissions if one.allows.action == "s3:ListBucket"}
    assert "tmp/x*" in listed


def test_the_function_and_the_queue_are_those_of_the_step(needed):
    call = {"Name": "A", "Type": "Lambda", "FunctionArn": "f", "Arguments": {}}
    ask = {
        "Name": "B",
        "Type": "Callback",
        "SqsQueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q",
        "Arguments": {},
        "OutputParameters": [],
    }

    [one, other] = needed(call, ask).airflow

    assert resources(one, "lambda:InvokeFunction") == {"arn:aws:lambda:eu-west-1:123456789012:function:f"}
    assert resources(other, "sqs:SendMessage") == {"arn:aws:sqs:eu-west-1:1:q"}


def test_what_a_run_can_do_without_says_what_happens_then(needed):
    [needs] = needed(processing("A")).airflow

    optional = {one.allows.action for one in needs.permissions if one.without}
    assert optional == {
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
        "sagemaker:ListProcessingJobs",
        "sagemaker:ListTags",
        "sagemaker:StopProcessingJob",
    }
    assert all(one.reason for one in needs.permissions)
