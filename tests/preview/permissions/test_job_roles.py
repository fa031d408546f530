from __future__ import annotations

from airflow_sm_pipelines.preview.permissions.job_roles import trust_policy
from tests.preview.permissions.conftest import ROLE, actions, get, output, processing, read_input, resources, training

OTHER = "arn:aws:iam::123456789012:role/Other"
MODEL = {"Name": "M", "Type": "Model", "Arguments": {"ExecutionRoleArn": OTHER, "PrimaryContainer": {}}}


def test_each_role_has_what_its_own_steps_need(needed):
    first, second = needed(
        processing("A", read_input("s3://in/a")), training("B", {"RoleArn": OTHER, **read_input("s3://in/b")})
    ).roles

    assert (first.role, second.role) == (ROLE, OTHER)
    [needs] = first.steps
    assert resources(needs, "s3:GetObject") == {"arn:aws:s3:::in/a*"}
    assert "logs:PutLogEvents" in actions(needs)
    assert first.notes == ("what the code of the jobs calls beyond what the requests name cannot be told",)


def test_each_training_definition_has_a_role_of_its_own(needed):
    definitions = [
        {"RoleArn": ROLE, "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://in/a"}}}]},
        {"RoleArn": OTHER, "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://in/b"}}}]},
    ]
    arguments = {"HyperParameterTuningJobConfig": {}, "TrainingJobDefinitions": definitions}

    one, other = needed({"Name": "A", "Type": "Tuning", "Arguments": arguments}).roles

    assert resources(one.steps[0], "s3:GetObject") == {"arn:aws:s3:::in/a*"}
    assert resources(other.steps[0], "s3:GetObject") == {"arn:aws:s3:::in/b*"}


def test_a_transform_job_runs_with_the_role_of_its_model(needed):
    arguments = {
        "ModelName": get("Steps.M.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3Uri": "s3://in/batch"}}},
        "TransformOutput": {"S3OutputPath": "s3://out/batch"},
        "TransformResources": {},
    }

    [role] = needed(MODEL, {"Name": "T", "Type": "Transform", "Arguments": arguments}).roles

    assert (role.role, [one.step for one in role.steps]) == (OTHER, ["M", "T"])
    assert resources(role.steps[1], "s3:GetObject") == {"arn:aws:s3:::in/batch*"}
    assert resources(role.steps[1], "s3:PutObject") == {"arn:aws:s3:::out/batch*"}


def test_a_role_that_only_a_run_knows_is_not_guessed(needed):
    step = processing("A", {"RoleArn": get("Parameters.Role")})

    [role] = needed(step, Parameters=[{"Name": "Role", "Type": "String"}]).roles

    assert role.role == ""
    assert [one.text for one in role.steps[0].unknown] == ["Parameters.Role"]


def test_a_role_of_two_services_trusts_both(needed):
    run = {"Name": "S", "Type": "EMRServerless", "Arguments": {"ApplicationId": "0", "JobConfig": {}}}
    run["Arguments"]["ExecutionRoleArn"] = ROLE

    [role] = needed(processing("A", output("o", "s3://b/o")), run).roles

    assert trust_policy(role) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["sagemaker.amazonaws.com", "emr-serverless.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def test_a_runtime_role_of_emr_is_assumed_by_a_role_and_no_service(needed):
    arguments = {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/x.jar"}}, "ExecutionRoleArn": ROLE}

    [role] = needed({"Name": "A", "Type": "EMR", "Arguments": arguments}).roles

    assert trust_policy(role) is None
    assert any("sts:TagSession" in note for note in role.notes)


def test_what_the_definition_does_not_tell_is_said(needed):
    cluster = {"Instances": {}, "ServiceRole": "Service", "JobFlowRole": "Nodes"}
    arguments = {"ClusterConfig": cluster, "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/x.jar"}}}

    service, nodes = needed({"Name": "A", "Type": "EMR", "Arguments": arguments}).roles

    assert service.permissions == ()
    assert "AmazonEMRServicePolicy_v2" in service.notes[0]
    assert resources(nodes.steps[0], "s3:GetObject") == {"arn:*:s3:::b/x.jar*".replace("*:s3", "aws:s3")}
    assert "instance profile" in nodes.notes[0]


def test_a_clarify_job_asks_its_model_at_an_endpoint_of_its_own(needed):
    config = read_input("s3://b/config/analysis_config.json")
    config["ProcessingInputs"][0]["InputName"] = "analysis_config"
    check = processing("A", {**config, **output("o", "s3://b/o")}, CheckType="MODEL_BIAS", ModelName="m")

    [role] = needed({**check, "Type": "ClarifyCheck"}).roles

    assert "sagemaker:InvokeEndpoint" in actions(role.steps[0])
