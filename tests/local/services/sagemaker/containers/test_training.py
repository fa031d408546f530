from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_sm_pipelines.local.jobs.container import ImageRun
from airflow_sm_pipelines.local.services.sagemaker.containers.training import plan_container
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey

CREATED = datetime(2026, 1, 2, tzinfo=UTC)
XGBOOST = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1"


def plan(algorithm, **members):
    request = {
        "TrainingJobName": "fit",
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File", **algorithm},
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }
    key = ResourceKey("training-job", "us-west-2", "fit")
    job = Job(key, request, JobStatus.IN_PROGRESS, creation_time=CREATED, last_modified_time=CREATED)
    return plan_container(job, runs_images=True)


@pytest.mark.parametrize(
    ("algorithm", "run"),
    [
        ({}, ImageRun("x", (), ("train",))),
        ({"ContainerArguments": ["a"]}, ImageRun("x", (), ("a",))),
        ({"ContainerEntrypoint": ["e", "f"]}, ImageRun("x", ("e", "f"))),
        ({"ContainerEntrypoint": ["e"], "ContainerArguments": ["a"]}, ImageRun("x", ("e",), ("a",))),
    ],
)
def test_where_images_run_docker_gets_train_or_what_takes_its_place(algorithm, run):
    made = plan(algorithm)
    assert (made.image_run, made.command) == (run, ())


def test_where_images_run_a_script_is_left_to_the_image():
    made = plan({}, HyperParameters={"sagemaker_program": "t.py", "sagemaker_submit_directory": "s3://b/x.tar.gz"})
    assert made.image_run == ImageRun("x", (), ("train",))
    assert made.downloads == ()
    assert set(made.environment) == {"TRAINING_JOB_NAME", "TRAINING_JOB_ARN"}


@pytest.mark.parametrize(
    ("algorithm", "runtime"),
    [
        ({"TrainingImage": XGBOOST}, "xgboost_training"),
        ({"ContainerEntrypoint": ["amazon_sagemaker_scheduler"]}, "notebook_job"),
    ],
)
def test_programs_of_awss_images_are_those_of_the_local_aws(algorithm, runtime):
    made = plan(algorithm)
    assert (made.image_run, made.command[:2]) == (None, ("local-aws-runtime", runtime))
