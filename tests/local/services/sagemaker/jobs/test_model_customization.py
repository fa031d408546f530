"""Model customization jobs: refused in so many words where jobs run, completed where they are rehearsed."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
DOCUMENT = {"BaseModelArn": "arn:x", "OutputDataConfig": {"S3OutputPath": "s3://out-bucket/tuned/"}}


def request(category="AgentRFT", document=DOCUMENT, **members):
    return {
        "JobName": "tune",
        "JobCategory": category,
        "JobConfigSchemaVersion": "1.0.0",
        "JobConfigDocument": document if isinstance(document, str) else json.dumps(document),
        "RoleArn": ROLE,
        **members,
    }


def ended(bench, category="AgentRFT"):
    while True:
        found = bench.sagemaker.describe_job(JobName="tune", JobCategory=category)
        if found["JobStatus"] in ("Completed", "Failed", "Stopped"):
            return found


@pytest.fixture
def rehearsing(open_workbench):
    with open_workbench(sandbox="rewrite", stand_in=Rehearsal(job_seconds=0.02)) as bench:
        yield bench


def test_there_is_no_runtime_and_the_job_says_so(open_workbench):
    with open_workbench(sandbox="rewrite") as bench:
        bench.sagemaker.create_job(**request())
        assert "no runtime for jobs of the category AgentRFT" in ended(bench)["FailureReason"]


def test_a_rehearsed_job_adds_its_results_to_its_document(rehearsing):
    rehearsing.sagemaker.create_job(**request())
    found = ended(rehearsing)
    assert found["JobArn"].endswith(":job/AgentRFT/tune")
    assert {**json.loads(found["JobConfigDocument"]), **DOCUMENT} == json.loads(found["JobConfigDocument"])
    assert json.loads(found["JobConfigDocument"])["OutputModelPackageArn"].endswith("model-package/rehearsal/1")
    label = rehearsing.s3.get_object(Bucket="out-bucket", Key="tuned/rehearsal.json")["Body"].read()
    assert b"synthetic" in label


@pytest.mark.parametrize("document", ["no JSON", "[]", "3"])
def test_a_document_that_is_no_object_is_shown_as_it_is(rehearsing, document):
    rehearsing.sagemaker.create_job(**request(document=document))
    assert ended(rehearsing)["JobConfigDocument"] == document


def test_names_are_unique_within_a_category(rehearsing):
    rehearsing.sagemaker.create_job(**request())
    rehearsing.sagemaker.create_job(**request("DataTransformation"))
    with pytest.raises(ClientError, match="ResourceInUse"):
        rehearsing.sagemaker.create_job(**request())
    for category in ("AgentRFT", "DataTransformation"):
        ended(rehearsing, category)
        [row] = rehearsing.sagemaker.list_jobs(JobCategory=category)["JobSummaries"]
        assert row["JobCategory"] == category
    with pytest.raises(ClientError, match="Could not find requested job"):
        rehearsing.sagemaker.describe_job(JobName="tune", JobCategory="AgentRFTEvaluation")


def test_a_job_is_stopped(open_workbench):
    with open_workbench(sandbox="rewrite", stand_in=Rehearsal(job_seconds=30)) as bench:
        bench.sagemaker.create_job(**request())
        bench.sagemaker.stop_job(JobName="tune", JobCategory="AgentRFT")
        assert ended(bench)["JobStatus"] == "Stopped"
