from __future__ import annotations

import boto3
import pytest

from airflow_sm_pipelines.preview.preflight.existence import trusts
from airflow_sm_pipelines.preview.preflight.outcome import Place, Verdict
from tests.preview.permissions.conftest import get, output, processing, read_input, training
from tests.preview.preflight.conftest import TRUST, create_bucket, create_role, on, refusal

MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}'
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/image"


def test_a_role_must_exist_and_trust_its_service(fly):
    missing = on(fly(processing("A")), "role")
    create_role()
    there = on(fly(processing("A")), "role")

    assert (missing.verdict, missing.found) == (Verdict.ERROR, "it does not exist")
    assert missing.places == (Place("A", "Steps[0].Arguments.RoleArn"),)
    assert "iam-policy" in missing.advice
    assert there.verdict is Verdict.OK


def test_a_role_that_trusts_another_service_is_an_error(fly):
    [statement] = TRUST["Statement"]
    create_role(trust={**TRUST, "Statement": [{**statement, "Principal": {"Service": "ec2.amazonaws.com"}}]})

    found = on(fly(processing("A")), "role")

    assert found.verdict is Verdict.ERROR
    assert found.found == "its trust policy does not name sagemaker.amazonaws.com"


def test_a_role_of_another_account_cannot_be_passed_on(fly):
    found = on(fly(processing("A", {"RoleArn": "arn:aws:iam::999999999999:role/R"})), "role")

    assert found.verdict is Verdict.ERROR
    assert "belongs to account 999999999999" in found.found


@pytest.mark.parametrize(
    ("statement", "trusted"),
    [
        (
            {"Effect": "Allow", "Principal": {"Service": ["a", "s"]}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
            True,
        ),
        ({"Effect": "Allow", "Principal": "*", "Action": "sts:*"}, True),
        ({"Effect": "Deny", "Principal": {"Service": "s"}, "Action": "sts:AssumeRole"}, False),
        ({"Effect": "Allow", "Principal": {"Service": "s"}, "Action": "sts:TagSession"}, False),
        ({"Effect": "Allow", "Principal": {"AWS": "s"}, "Action": "sts:AssumeRole"}, False),
    ],
)
def test_a_trust_policy_names_the_service_and_the_action(statement, trusted):
    assert trusts({"Statement": statement}, "s") is trusted
    assert trusts({"Statement": [statement]}, "s") is trusted


def test_a_bucket_must_exist_in_the_region_of_the_pipeline(fly):
    create_bucket("here")
    create_bucket("far", "us-west-2")
    found = fly(
        processing("A", {**read_input("s3://here/x"), **output("o", "s3://nowhere/y")}),
        training("B", {"OutputDataConfig": {"S3OutputPath": "s3://far/z"}}),
    )

    assert on(found, "bucket here").verdict is Verdict.OK
    assert (on(found, "bucket nowhere").verdict, on(found, "bucket nowhere").found) == (
        Verdict.ERROR,
        "it does not exist",
    )
    assert on(found, "bucket far").verdict is Verdict.ERROR
    assert on(found, "bucket nowhere").places == (
        Place("A", "Steps[0].Arguments.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri"),
    )


def test_a_bucket_that_aws_does_not_show_is_not_checked(fly, account):
    account.answers["HeadBucket"] = lambda _: refusal("403")

    found = on(fly(processing("A", read_input("s3://b/x"))), "bucket b")

    assert found.verdict is Verdict.UNCHECKED
    assert "403" in found.found


def test_an_image_of_ecr_must_exist(fly):
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="team/image")
    ecr.put_image(repositoryName="team/image", imageManifest=MANIFEST, imageTag="1.0")

    def step(tag: str):
        return processing("A", {"AppSpecification": {"ImageUri": f"{IMAGE}:{tag}"}})

    assert on(fly(step("1.0")), "image").verdict is Verdict.OK
    missing = on(fly(step("2.0")), "image")
    assert (missing.verdict, missing.found) == (Verdict.ERROR, "ECR does not have it")
    assert missing.places == (Place("A", "Steps[0].Arguments.AppSpecification.ImageUri"),)


def test_an_image_of_another_registry_is_not_looked_for(fly):
    found = fly(processing("A", {"AppSpecification": {"ImageUri": "public.ecr.aws/x/y:1"}}))

    assert not any(one.subject.startswith("image") for one in found.checks)


def test_a_missing_permission_to_look_says_which(fly, account):
    account.answers["DescribeImages"] = lambda _: refusal("AccessDeniedException")

    found = on(fly(processing("A", {"AppSpecification": {"ImageUri": f"{IMAGE}:1"}})), "image")

    assert found.verdict is Verdict.UNCHECKED
    assert "allow ecr:DescribeImages" in found.advice


def test_a_function_and_a_queue_must_exist(fly):
    url = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    callback = {"Type": "Callback", "Arguments": {}, "OutputParameters": []}
    found = fly(
        {"Name": "F", "Type": "Lambda", "FunctionArn": "nothing", "Arguments": {}},
        {"Name": "Q", "SqsQueueUrl": url, **callback},
        {"Name": "R", "SqsQueueUrl": f"{url}-nothing", **callback},
    )

    assert on(found, "function nothing").verdict is Verdict.ERROR
    assert on(found, "function nothing").places == (Place("F", "Steps[0].FunctionArn"),)
    assert on(found, f"queue {url}-nothing").verdict is Verdict.ERROR
    assert [one.verdict for one in found.checks if one.subject == f"queue {url}"] == [Verdict.OK]


def test_a_cluster_must_accept_steps(fly, account):
    step = {"HadoopJarStep": {"Jar": "command-runner.jar"}}
    steps = {"Name": "E", "Type": "EMR", "Arguments": {"ClusterId": "j-1", "StepConfig": step}}

    def verdict(state: str) -> Verdict:
        account.answers["DescribeCluster"] = lambda _: {"Cluster": {"Status": {"State": state}}}
        return on(fly(steps), "cluster").verdict

    assert verdict("WAITING") is Verdict.OK
    assert verdict("TERMINATED") is Verdict.ERROR


def test_a_group_of_another_account_must_exist_and_one_of_this_account_is_created(fly, account):
    shared = "arn:aws:sagemaker:eu-west-1:999999999999:model-package-group/g"
    account.answers["DescribeModelPackageGroup"] = lambda _: refusal("ResourceNotFound")

    def groups(name: str) -> list[Verdict]:
        step = {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": name}}
        return [one.verdict for one in fly(step).checks if one.subject.startswith("model package group")]

    assert groups(shared) == [Verdict.ERROR]
    assert groups("mine") == []


def test_a_model_must_exist_unless_a_step_creates_it(fly, account):
    account.answers["DescribeModel"] = lambda _: refusal("ResourceNotFound")
    model = {"Name": "M", "Type": "Model", "Arguments": {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/Jobs"}}

    def models(name: object) -> list[Verdict]:
        arguments = {"ModelName": name, "TransformInput": {}, "TransformOutput": {}, "TransformResources": {}}
        found = fly(model, {"Name": "T", "Type": "Transform", "Arguments": arguments})
        return [one.verdict for one in found.checks if one.subject.startswith("model ")]

    assert models("old") == [Verdict.ERROR]
    assert models(get("Steps.M.ModelName")) == []
