"""Images of training jobs in a real Docker."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.docker

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
TRAIN = """#!/bin/sh
echo "arguments $*"
cat /opt/ml/input/config/hyperparameters.json; echo
cat /opt/ml/input/data/train/x > /opt/ml/model/weights
echo "loss=0.25;"
if grep -q '"fail": "yes"' /opt/ml/input/config/hyperparameters.json; then
  echo "it does not converge" > /opt/ml/output/failure
  exit 3
fi
"""


@pytest.fixture(scope="module")
def bench(open_workbench, docker_daemon):
    with open_workbench(sandbox="docker") as opened:
        opened.put("docker-train/data/x", "6")
        yield opened


@pytest.fixture(scope="module")
def image(make_image):
    return make_image("smp-test-train:1", {"/bin/entry": TRAIN}, 'ENTRYPOINT ["/bin/entry"]', 'CMD ["cmd"]')


def train(bench, name, algorithm, **hyperparameters):
    data = {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/docker-train/data"}
    bench.sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*?);"}],
            **algorithm,
        },
        HyperParameters=hyperparameters,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": data}}],
        OutputDataConfig={"S3OutputPath": "s3://test-bucket/docker-train/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    return bench.finish("training", name), bench.log_lines(name, "/aws/sagemaker/TrainingJobs")


def test_a_training_image_runs_with_the_argument_train(bench, image):
    ended, lines = train(bench, "trains", {"TrainingImage": image}, depth="3")
    assert ended["TrainingJobStatus"] == "Completed", ended
    assert lines == ["arguments train", '{"depth": "3"}', "loss=0.25;"]
    assert bench.archive(ended["ModelArtifacts"]["S3ModelArtifacts"]) == {"weights": b"6"}
    assert [metric["Value"] for metric in ended["FinalMetricDataList"]] == [0.25]


def test_a_script_is_for_the_image_to_find_not_for_the_local_aws(bench, image):
    ended, lines = train(bench, "toolkit", {"TrainingImage": image}, sagemaker_program="train.py")
    assert ended["TrainingJobStatus"] == "Completed", ended
    assert lines[0] == "arguments train"


@pytest.mark.parametrize(
    ("name", "members", "line"),
    [
        ("entrypoint", {"ContainerEntrypoint": ["/bin/echo", "x"]}, "x"),
        ("both", {"ContainerEntrypoint": ["/bin/echo", "x"], "ContainerArguments": ["y"]}, "x y"),
        ("arguments", {"ContainerArguments": ["y"]}, "arguments y"),
    ],
)
def test_entrypoint_and_arguments_replace_train(bench, image, name, members, line):
    _, lines = train(bench, name, {"TrainingImage": image, **members})
    assert lines[0] == line


def test_the_failure_file_is_the_failure_reason(bench, image):
    ended, _ = train(bench, "diverges", {"TrainingImage": image}, fail="yes")
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"] == "AlgorithmError: it does not converge, exit code: 3"


def test_the_built_in_xgboost_still_runs_here(bench):
    """Its image is AWS's own, and the local AWS has its program."""
    bench.put("docker-train/csv/x.csv", "1,2\n2,4\n3,6\n")
    data = {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/docker-train/csv"}
    bench.sagemaker.create_training_job(
        TrainingJobName="built-in",
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1",
            "TrainingInputMode": "File",
        },
        HyperParameters={"num_round": "1"},
        InputDataConfig=[
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": data}},
        ],
        OutputDataConfig={"S3OutputPath": "s3://test-bucket/docker-train/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    assert bench.finish("training", "built-in")["TrainingJobStatus"] == "Completed"
