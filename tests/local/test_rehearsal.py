"""A rehearsal: jobs that compute nothing, and say so."""

from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.local.rehearsal import COMPLETED, NOTE, STEP_TAG, Outcome, Rehearsal, step_of

BUCKET = "test-bucket"
MADE_ON_DEMAND = "made-on-demand"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BASE_MODEL = "arn:aws:sagemaker:us-west-2:aws:hub-content/Hub/Model/base/1.0.0"
REHEARSAL = Rehearsal(
    outcomes={"Fails": Outcome(failure_reason="CapacityError: none left"), "Stops": Outcome(stopped=True)},
    files={
        "Evaluate": {"report": {"nested/report.json": {"mse": 0.5}}},
        "Train": {"OutputDataConfig": {"results.json": {"auc": 1}}},
    },
    job_seconds=0.05,
)


@pytest.fixture(scope="module")
def rehearsing(open_workbench):
    with open_workbench(rehearsal=REHEARSAL, sandbox="rewrite") as bench:
        yield bench


def tagged(step):
    return [{"Key": "other", "Value": "x"}, {"Key": STEP_TAG, "Value": step}]


def train(bench, name, *, step="Train", **members):
    bench.sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": "an-image-without-a-runtime:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*)"}],
        },
        OutputDataConfig={"S3OutputPath": f"s3://{MADE_ON_DEMAND}/{name}"},
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        Tags=tagged(step),
        **members,
    )
    return bench.finish("training", name)


def test_a_processing_job_runs_nothing_and_misses_nothing(rehearsing, processing_input, processing_output):
    ended = rehearsing.run(
        "evaluate",
        ["a-program-that-does-not-exist"],
        ProcessingInputs=[processing_input("data", "s3://no-such-bucket/data")],
        ProcessingOutputConfig={"Outputs": [processing_output("report", f"s3://{BUCKET}/evaluated/")]},
        Tags=tagged("Evaluate"),
    )
    assert ended["ProcessingJobStatus"] == "Completed"
    objects = rehearsing.objects("evaluated/")
    assert json.loads(objects.pop("nested/report.json")) == {"mse": 0.5}
    [(name, label)] = objects.items()
    assert (name, json.loads(label)["note"], json.loads(label)["output"]) == ("rehearsal.json", NOTE, "report")
    metadata = rehearsing.s3.head_object(Bucket=BUCKET, Key="evaluated/rehearsal.json")["Metadata"]
    assert metadata == {"rehearsal": NOTE, "step": "Evaluate"}
    assert NOTE in rehearsing.log_lines("evaluate")[0]


def test_a_training_job_ends_with_a_model_and_its_metrics(rehearsing):
    ended = train(rehearsing, "trained")
    assert ended["TrainingJobStatus"] == "Completed"
    assert [(one["MetricName"], one["Value"]) for one in ended["FinalMetricDataList"]] == [("auc", 0.0)]
    statuses = [row["Status"] for row in ended["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    uri = ended["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{MADE_ON_DEMAND}/trained/trained/output/model.tar.gz"
    source = {"Bucket": MADE_ON_DEMAND, "Key": uri.removeprefix(f"s3://{MADE_ON_DEMAND}/")}
    rehearsing.s3.copy_object(Bucket=BUCKET, Key="copied", CopySource=source)
    [(name, label)] = rehearsing.archive(f"s3://{BUCKET}/copied").items()
    assert (name, json.loads(label)["note"]) == ("rehearsal.json", NOTE)
    results = rehearsing.s3.get_object(Bucket=MADE_ON_DEMAND, Key="trained/results.json")["Body"]
    assert json.load(results) == {"auc": 1}


def test_a_serverless_training_job_is_rehearsed_though_nothing_here_could_run_it(rehearsing):
    rehearsing.sagemaker.create_training_job(
        TrainingJobName="serverless",
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/serverless"},
        ServerlessJobConfig={"JobType": "FineTuning", "BaseModelArn": BASE_MODEL},
        Tags=tagged("Tune"),
    )
    assert rehearsing.finish("training", "serverless")["TrainingJobStatus"] == "Completed"
    assert rehearsing.objects_below("serverless/") == [
        "serverless/output/model.tar.gz",
        "serverless/output/output.tar.gz",
    ]


def test_checkpoints_are_an_output_too(rehearsing):
    train(rehearsing, "checked", CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"})
    assert rehearsing.objects_below("checkpoints/") == ["rehearsal.json"]


@pytest.mark.parametrize(
    ("step", "status", "reason"),
    [("Fails", "Failed", "CapacityError: none left"), ("Stops", "Stopped", None), ("Other", "Completed", None)],
)
def test_the_outcome_of_a_step_can_be_chosen(rehearsing, step, status, reason):
    ended = train(rehearsing, f"outcome-{step}", step=step)
    assert (ended["TrainingJobStatus"], ended.get("FailureReason")) == (status, reason)


def test_a_model_needs_no_data_and_a_transform_job_has_one_output_for_each_input(rehearsing):
    rehearsing.put("inputs/a.csv", "1")
    rehearsing.put("inputs/b.csv", "2")
    container = {"Image": "image", "ModelDataUrl": "s3://no-such-bucket/model.tar.gz"}
    rehearsing.sagemaker.create_model(ModelName="model", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    for name, source in (("with-inputs", f"s3://{BUCKET}/inputs"), ("without", "s3://no-such-bucket/x")):
        rehearsing.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName="model",
            TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
            Tags=tagged("Predict"),
        )
        assert rehearsing.finish("transform", name)["TransformJobStatus"] == "Completed"
    assert rehearsing.objects_below("with-inputs/") == ["a.csv.out", "b.csv.out"]
    assert rehearsing.objects_below("without/") == ["rehearsal.json.out"]
    assert json.loads(rehearsing.objects("with-inputs/")["a.csv.out"])["note"] == NOTE


def test_a_job_can_be_stopped(open_workbench):
    with open_workbench(rehearsal=Rehearsal(job_seconds=30), sandbox="rewrite") as bench:
        bench.create("long", ["true"])
        bench.sagemaker.stop_processing_job(ProcessingJobName="long")
        assert bench.wait("long")["ProcessingJobStatus"] == "Stopped"


def test_a_place_that_no_bucket_can_have_fails_the_job(rehearsing, processing_output):
    ended = rehearsing.run(
        "nowhere", ["true"], ProcessingOutputConfig={"Outputs": [processing_output("o", "s3://${Bucket}/o")]}
    )
    assert ended["ProcessingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: Data upload failed: s3://${Bucket}/o/rehearsal.json: ")


def test_a_job_belongs_to_the_step_of_its_tag():
    assert step_of(tagged("Train")) == "Train"
    assert step_of([]) == ""
    assert Rehearsal().outcome_of("") == COMPLETED
