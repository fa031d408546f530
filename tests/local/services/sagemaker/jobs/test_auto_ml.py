"""AutoML jobs: refused in so many words where jobs run, a synthetic candidate where they are rehearsed."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
OUT = "s3://out-bucket/automl"


def request(name, **members):
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://in-bucket/train.csv"}}
    return {
        "AutoMLJobName": name,
        "InputDataConfig": [{"DataSource": source, "TargetAttributeName": "class"}],
        "OutputDataConfig": {"S3OutputPath": f"{OUT}/"},
        "RoleArn": ROLE,
        **members,
    }


def ended(bench, name):
    while True:
        found = bench.sagemaker.describe_auto_ml_job(AutoMLJobName=name)
        if found["AutoMLJobStatus"] in ("Completed", "Failed", "Stopped"):
            return found


@pytest.fixture
def rehearsing(open_workbench):
    rehearsal = Rehearsal(job_seconds=0.02, outcomes={"Search": Outcome(failure_reason="no candidate")})
    with open_workbench(sandbox="rewrite", stand_in=rehearsal) as bench:
        yield bench


def test_there_is_no_runtime_and_the_job_says_so(open_workbench):
    with open_workbench(sandbox="rewrite") as bench:
        bench.sagemaker.create_auto_ml_job(**request("search"))
        found = ended(bench, "search")
    assert found["AutoMLJobStatus"] == found["AutoMLJobSecondaryStatus"] == "Failed"
    assert "the local AWS has no runtime for AutoML jobs" in found["FailureReason"]
    assert "BestCandidate" not in found


def test_a_rehearsed_job_has_a_best_candidate_with_a_model_and_reports(rehearsing):
    rehearsing.sagemaker.create_auto_ml_job(**request("search", ProblemType="Regression"))
    found = ended(rehearsing, "search")
    best = found["BestCandidate"]
    [container] = best["InferenceContainers"]
    objective = best["FinalAutoMLJobObjectiveMetric"]
    assert (objective["MetricName"], objective["Type"]) == ("MSE", "Minimize")
    assert {"MODEL_NAME", "SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"} <= set(container["Environment"])
    model = rehearsing.s3.get_object(Bucket="out-bucket", Key=container["ModelDataUrl"].split("/", 3)[3])
    with tarfile.open(fileobj=io.BytesIO(model["Body"].read())) as archive:
        assert archive.getnames() == ["rehearsal.json"]
    places = best["CandidateProperties"]["CandidateArtifactLocations"]
    for prefix, file in (("ModelInsights", "statistics.json"), ("Explainability", "analysis.json")):
        key = f"{places[prefix]}/{file}".split("/", 3)[3]
        report = json.load(rehearsing.s3.get_object(Bucket="out-bucket", Key=key)["Body"])
        assert "synthetic" in report["note"]


def test_a_rehearsed_job_fails_as_its_step_is_told_to(rehearsing):
    step = [{"Key": "sm-pipelines:task", "Value": "Search"}]
    rehearsing.sagemaker.create_auto_ml_job(**request("search", Tags=step))
    assert ended(rehearsing, "search")["FailureReason"] == "no candidate"


def test_a_job_is_stopped_and_listed(open_workbench):
    with open_workbench(sandbox="rewrite", stand_in=Rehearsal(job_seconds=30)) as bench:
        bench.sagemaker.create_auto_ml_job(**request("search"))
        running = bench.sagemaker.list_auto_ml_jobs(StatusEquals="InProgress")["AutoMLJobSummaries"]
        assert [row["AutoMLJobName"] for row in running] == ["search"]
        bench.sagemaker.stop_auto_ml_job(AutoMLJobName="search")
        assert ended(bench, "search")["AutoMLJobStatus"] == "Stopped"
