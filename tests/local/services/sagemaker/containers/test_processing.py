from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_sm_pipelines.local.jobs.container import ImageRun, JobFailure, S3Download, S3Upload
from airflow_sm_pipelines.local.services.sagemaker.containers.processing import plan_container
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey

CREATED = datetime(2026, 1, 2, tzinfo=UTC)


def job_of(request):
    key = ResourceKey("processing-job", "us-west-2", request["ProcessingJobName"])
    return Job(key, request, JobStatus.IN_PROGRESS, creation_time=CREATED, last_modified_time=CREATED)


@pytest.fixture
def plan(bench):
    return lambda **members: plan_container(job_of(bench.request("etl", ["python3", "run.py"], **members)))


def test_arguments_follow_the_entrypoint(plan):
    application = {"ImageUri": "x", "ContainerEntrypoint": ["a", "b"], "ContainerArguments": ["--c", "d e"]}
    assert plan(AppSpecification=application).command == ("a", "b", "--c", "d e")


def test_arguments_without_an_entrypoint_are_for_the_unknown_image(plan):
    with pytest.raises(JobFailure, match="no local runtime for image x: the job has no ContainerEntrypoint"):
        plan(AppSpecification={"ImageUri": "x", "ContainerArguments": ["run"]})


def test_the_analyzer_of_model_monitor_has_a_runtime(plan):
    image = "159807026194.dkr.ecr.us-west-2.amazonaws.com/sagemaker-model-monitor-analyzer"
    assert plan(AppSpecification={"ImageUri": image}).command == ("local-aws-runtime", "data_quality", "/opt/ml")


@pytest.mark.parametrize(
    ("application", "run"),
    [
        ({}, ImageRun("x")),
        ({"ContainerArguments": ["a"]}, ImageRun("x", (), ("a",))),
        ({"ContainerEntrypoint": ["e", "f"]}, ImageRun("x", ("e", "f"))),
        ({"ContainerEntrypoint": ["e"], "ContainerArguments": ["a"]}, ImageRun("x", ("e",), ("a",))),
    ],
)
def test_where_images_run_the_entrypoint_and_the_arguments_are_for_docker(bench, application, run):
    request = bench.request("etl", ["unused"], AppSpecification={"ImageUri": "x", **application})
    made = plan_container(job_of(request), runs_images=True)
    assert (made.image_run, made.command) == (run, ())


@pytest.mark.parametrize(
    ("application", "runtime"),
    [
        ({"ImageUri": "x/sagemaker-model-monitor-analyzer"}, ("data_quality", "/opt/ml")),
        (
            {
                "ImageUri": "x/sagemaker-spark-processing:3.3-cpu",
                "ContainerEntrypoint": ["smspark-submit", "--class", "A", "a.jar"],
                "ContainerArguments": ["1"],
            },
            ("smspark_submit", "/opt/ml", "--class", "A", "a.jar", "1"),
        ),
    ],
)
@pytest.mark.parametrize("runs_images", [True, False])
def test_programs_of_awss_images_are_those_of_the_local_aws_in_any_sandbox(bench, application, runtime, runs_images):
    made = plan_container(job_of(bench.request("etl", [], AppSpecification=application)), runs_images=runs_images)
    assert (made.image_run, made.command) == (None, ("local-aws-runtime", *runtime))


def test_a_spark_job_may_ask_for_several_instances(bench):
    cluster = {"ClusterConfig": {"InstanceCount": 3, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}}
    spark, other = (
        job_of(bench.request("etl", [program], ProcessingResources=cluster))
        for program in ("smspark-submit", "python3")
    )
    assert plan_container(spark).command
    with pytest.raises(JobFailure, match="InstanceCount=3, only 1"):
        plan_container(other)


def test_own_variables_win_over_those_of_the_service(plan):
    environment = plan(Environment={"PROCESSING_JOB_NAME": "mine", "A": "b"}).environment
    assert environment["PROCESSING_JOB_NAME"] == "mine"
    assert environment["A"] == "b"
    assert environment["PROCESSING_JOB_ARN"].endswith(":processing-job/etl")


def test_inputs_and_outputs_become_downloads_and_uploads(plan, processing_input, processing_output):
    made = plan(
        ProcessingInputs=[processing_input("data", "s3://b/in")],
        ProcessingOutputConfig={
            "Outputs": [
                processing_output("end", "s3://b/end"),
                processing_output("live", "s3://b/live", S3UploadMode="Continuous"),
            ]
        },
    )
    assert made.downloads == (S3Download("data", "s3://b/in", "/opt/ml/processing/data"),)
    assert made.uploads == (
        S3Upload("end", "/opt/ml/processing/end", "s3://b/end", continuous=False),
        S3Upload("live", "/opt/ml/processing/live", "s3://b/live", continuous=True),
    )


def test_log_stream_is_named_after_job_host_and_time(plan):
    made = plan()
    assert made.log_group == "/aws/sagemaker/ProcessingJobs"
    assert made.log_stream == f"etl/algo-1-{int(CREATED.timestamp()) * 1000}"


def test_the_time_limit_is_that_of_the_stopping_condition_or_one_day(plan):
    assert plan(StoppingCondition={"MaxRuntimeInSeconds": 60}).max_runtime_seconds == 60
    assert plan().max_runtime_seconds == 86_400


def test_the_job_configuration_has_no_tags(plan):
    files = plan(Tags=[{"Key": "a", "Value": "b"}]).files
    config = json.loads(files["/opt/ml/config/processingjobconfig.json"])
    assert "Tags" not in config
    assert config["ProcessingJobArn"].endswith(":processing-job/etl")
    assert config["AppSpecification"]["ContainerEntrypoint"] == ["python3", "run.py"]


def test_everything_that_is_not_supported_is_named_at_once(plan, processing_input):
    dataset = {"InputName": "rows", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/rows"}}
    preferences = [{"InstanceType": "ml.m5.large"}]
    cluster = {"ClusterConfig": {"InstanceCount": 2, "InstancePreferences": preferences, "VolumeSizeInGB": 1}}
    with pytest.raises(JobFailure) as caught:
        plan(
            ProcessingInputs=[
                dataset,
                processing_input("stream", "s3://b/x", S3InputMode="Pipe", S3CompressionType="Gzip"),
                processing_input("listed", "s3://b/x", S3DataType="ManifestFile"),
            ],
            ProcessingOutputConfig={
                "Outputs": [{"OutputName": "store", "FeatureStoreOutput": {"FeatureGroupName": "f"}}]
            },
            ProcessingResources=cluster,
        )
    assert str(caught.value) == (
        "ClientError: the local AWS does not support ProcessingInputs[rows].DatasetDefinition; "
        "ProcessingInputs[stream].S3Input.S3InputMode=Pipe; "
        "ProcessingInputs[stream].S3Input.S3CompressionType=Gzip; "
        "ProcessingInputs[listed].S3Input.S3DataType=ManifestFile; "
        "ProcessingOutputConfig.Outputs[store].FeatureStoreOutput; "
        "ProcessingResources.ClusterConfig.InstancePreferences; "
        "ProcessingResources.ClusterConfig.InstanceCount=2, only 1"
    )


def test_sharding_over_one_instance_is_full_replication(plan, processing_input):
    source = processing_input("data", "s3://b/x", S3DataDistributionType="ShardedByS3Key")
    assert plan(ProcessingInputs=[source]).downloads
