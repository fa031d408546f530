"""A rehearsal: jobs that compute nothing, and say so."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.aws.requests.tags import TASK_TAG, Owner, owner_tags, owner_text
from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.services.sagemaker.containers import training as training_container
from airflow_sm_pipelines.rehearsal.stand_in.job_work import SyntheticObject, put_objects
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import COMPLETED, NOTE, Outcome, Refusals
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

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
    with open_workbench(stand_in=REHEARSAL, sandbox="rewrite") as bench:
        yield bench


def tagged(step):
    return [{"Key": "other", "Value": "x"}, {"Key": TASK_TAG, "Value": step}]


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
    with open_workbench(stand_in=Rehearsal(job_seconds=30), sandbox="rewrite") as bench:
        bench.create("long", ["true"])
        bench.sagemaker.stop_processing_job(ProcessingJobName="long")
        assert bench.wait("long")["ProcessingJobStatus"] == "Stopped"


def test_a_place_that_no_bucket_can_have_fails_the_job(rehearsing, processing_output):
    ended = rehearsing.run(
        "nowhere", ["true"], ProcessingOutputConfig={"Outputs": [processing_output("o", "s3://${Bucket}/o")]}
    )
    assert ended["ProcessingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: Data upload failed: s3://${Bucket}/o/rehearsal.json: ")


def test_what_aws_would_refuse_can_be_noted_instead(open_workbench, processing_input, processing_output):
    refusals = Refusals()
    with open_workbench(stand_in=Rehearsal(refusals=refusals, job_seconds=0.05), sandbox="rewrite") as bench:
        outside = {**processing_input("data", "s3://bucket/data")}
        outside["S3Input"] = {**outside["S3Input"], "LocalPath": "elsewhere"}
        ended = bench.run(
            "noted",
            ["true"],
            RoleArn="<the role of the team>",
            ProcessingInputs=[outside],
            ProcessingOutputConfig={"Outputs": [processing_output("o", "s3://${Bucket}/o")]},
            Tags=tagged("Prepare"),
        )
    assert ended["ProcessingJobStatus"] == "Completed"
    noted = refusals.noted()
    assert {refusal.step for refusal in noted} == {"Prepare"}
    assert [refusal.operation for refusal in noted] == ["CreateProcessingJob", "CreateProcessingJob", "PutObject"]
    assert "'<the role of the team>' at 'roleArn' failed to satisfy constraint" in noted[0].reason
    assert "must begin with /opt/ml/processing/" in noted[1].reason
    assert noted[2].reason.startswith("s3://${Bucket}/o/rehearsal.json: ")


def test_a_model_that_is_not_there_is_noted_and_what_is_missing_gets_a_value(open_workbench):
    refusals = Refusals()
    with open_workbench(stand_in=Rehearsal(refusals=refusals), sandbox="rewrite") as bench:
        sagemaker = bench.client("sagemaker", parameter_validation=False)
        sagemaker.create_endpoint_config(
            EndpointConfigName="config", ProductionVariants=[{"ModelName": "of-another-team"}], Tags=tagged("Config")
        )
        described = sagemaker.describe_endpoint_config(EndpointConfigName="config")
    assert described["ProductionVariants"] == [{"ModelName": "of-another-team", "VariantName": "rehearsal"}]
    missing, absent = refusals.noted()
    assert "Value null at 'productionVariants.1.member.variantName'" in missing.reason
    assert absent.reason.startswith("Could not find model ")
    assert (absent.step, absent.operation) == ("Config", "CreateEndpointConfig")


def test_an_output_that_is_no_s3_uri_is_nowhere_and_noted(open_workbench, processing_output):
    refusals = Refusals()
    with open_workbench(stand_in=Rehearsal(refusals=refusals, job_seconds=0.05), sandbox="rewrite") as bench:
        outputs = [processing_output("lost", "${results}"), processing_output("kept", f"s3://{BUCKET}/kept")]
        ended = bench.run("job", ["true"], ProcessingOutputConfig={"Outputs": outputs}, Tags=tagged("Prepare"))
        assert bench.objects_below("kept/") == ["rehearsal.json"]
    assert ended["ProcessingJobStatus"] == "Completed"
    noted = [refusal for refusal in refusals.noted() if refusal.operation == "PutObject"]
    assert [(refusal.step, refusal.reason) for refusal in noted] == [
        ("Prepare", "${results}/rehearsal.json: no S3 URI (s3://bucket/key): nothing is written")
    ]


def test_an_output_that_is_no_s3_uri_fails_the_job_of_a_strict_rehearsal(rehearsing):
    with pytest.raises(JobFailure, match=r"s3:// URIs only, not \$\{results\}"):
        put_objects(rehearsing.s3, (SyntheticObject("${results}/rehearsal.json", b""),), "Prepare")


def test_what_a_deployment_needs_and_is_not_there_is_noted(open_workbench):
    refusals = Refusals()
    with open_workbench(stand_in=Rehearsal(refusals=refusals, job_seconds=0.05), sandbox="rewrite") as bench:
        sagemaker = bench.sagemaker
        for name, call in (("first", sagemaker.create_endpoint), ("second", sagemaker.update_endpoint)):
            tags = {"Tags": tagged("Deploy")} if name == "first" else {}
            call(EndpointName="shop", EndpointConfigName=name, **tags)
            sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="shop", WaiterConfig={"Delay": 0.1})
        sagemaker.create_inference_component(
            InferenceComponentName="adviser",
            EndpointName="elsewhere",
            Specification={"ModelName": "of-another-team"},
            RuntimeConfig={"CopyCount": 1},
            Tags=tagged("Advise"),
        )
        assert sagemaker.describe_endpoint(EndpointName="shop")["EndpointConfigName"] == "second"
    noted = [(one.step, one.operation, one.reason.partition(' "')[0]) for one in refusals.noted()]
    assert noted == [
        ("Deploy", "CreateEndpoint", "Could not find endpoint configuration"),
        ("Deploy", "UpdateEndpoint", "Could not find endpoint configuration"),
        ("Advise", "CreateInferenceComponent", "Could not find endpoint"),
        ("Advise", "CreateInferenceComponent", "Could not find model"),
    ]


def test_a_refusal_is_noted_once():
    refusals = Refusals()
    for _ in range(2):
        refusals.note("Step", "CreateModel", "no")
    assert len(refusals.noted()) == 1


def test_a_job_whose_outputs_cannot_be_told_does_not_stay_in_progress(rehearsing, monkeypatch):
    def broken(*_):
        raise KeyError("S3OutputPath")

    monkeypatch.setattr(training_container, "metric_definitions", broken)
    with pytest.raises(ClientError):
        train(rehearsing, "untold")
    ended = rehearsing.sagemaker.describe_training_job(TrainingJobName="untold")
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"] == "InternalServerError: KeyError: 'S3OutputPath'"


def test_a_job_belongs_to_the_step_of_its_tag():
    assert Rehearsal().owner_of({"other": "x", TASK_TAG: "Train"}) == "Train"
    assert Rehearsal().owner_of({}) == ""


def test_a_step_of_emr_belongs_to_the_step_in_its_name_or_else_to_that_of_its_cluster():
    name = f"my (own) attempt ({owner_text(owner_tags(Owner('prod', 'dag', 'run', 'Train')))})"
    assert Rehearsal().owner_of({TASK_TAG: "Cluster"}, name) == "Train"
    assert Rehearsal().owner_of({TASK_TAG: "Cluster"}, "my (own) attempt") == "Cluster"
    assert Rehearsal().owner_of({}, "my (own) attempt") == ""


def test_a_step_without_an_outcome_completes():
    assert Rehearsal().outcome_of("") == COMPLETED


def test_an_iteration_of_a_step_ends_as_the_step():
    outputs = {"Score": {"auc": 1.0}, "Step-2": {"x": 1}}
    rehearsal = Rehearsal(outcomes={"Score": Outcome(stopped=True)}, outputs=outputs)
    assert rehearsal.outcome_of("Score-12").stopped
    assert rehearsal.outputs_of("Score-0") == {"auc": 1.0}
    assert rehearsal.outputs_of("Step-2") == {"x": 1}
    assert rehearsal.outcome_of("Scores-1") is COMPLETED


def test_a_job_that_takes_no_time_has_ended_when_its_request_is_answered(open_workbench, processing_output):
    with open_workbench(stand_in=Rehearsal(job_seconds=0.0), sandbox="rewrite") as bench:
        outputs = {"Outputs": [processing_output("kept", f"s3://{BUCKET}/kept")]}
        bench.sagemaker.create_processing_job(
            ProcessingJobName="job",
            RoleArn=ROLE,
            AppSpecification={"ImageUri": "image:1"},
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            ProcessingOutputConfig=outputs,
        )
        described = bench.sagemaker.describe_processing_job(ProcessingJobName="job")
        assert described["ProcessingJobStatus"] == "Completed"
        assert bench.objects_below("kept/") == ["rehearsal.json"]


def test_it_is_noted_which_step_has_written_an_object(open_workbench, processing_output):
    rehearsal = Rehearsal(job_seconds=0.0, refusals=Refusals())
    with open_workbench(stand_in=rehearsal, sandbox="rewrite") as bench:
        outputs = [processing_output("lost", "${results}"), processing_output("kept", f"s3://{BUCKET}/kept")]
        bench.run("job", ["true"], ProcessingOutputConfig={"Outputs": outputs}, Tags=tagged("Prepare"))
    assert rehearsal.written.step_of(f"s3://{BUCKET}/kept/rehearsal.json") == "Prepare"
    assert rehearsal.written.step_of("${results}/rehearsal.json") == ""


def test_buckets_are_created_for_what_is_put_into_them(rehearsing):
    for key in ("one", "two"):
        put_objects(rehearsing.s3, (SyntheticObject(f"s3://new-bucket/{key}", b"x"),), "Prepare")
    found = rehearsing.s3.list_objects_v2(Bucket="new-bucket")
    assert [entry["Key"] for entry in found["Contents"]] == ["one", "two"]
