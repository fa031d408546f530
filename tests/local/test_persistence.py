"""What survives the death of a local AWS with a state folder: each start is a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import boto3
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SERVER = """
import pathlib, sys, time
from airflow_sm_pipelines.local.server.local_aws import LocalAws
with LocalAws(state_dir=pathlib.Path(sys.argv[1]), region="eu-west-1") as aws:
    print(aws.endpoint_url, flush=True)
    sys.stdin.read()
"""


class Clients:
    def __init__(self, endpoint_url):
        session = boto3.Session(aws_access_key_id="k", aws_secret_access_key="s", region_name="eu-west-1")
        self.sagemaker, self.s3, self.logs = (
            session.client(name, endpoint_url=endpoint_url) for name in ("sagemaker", "s3", "logs")
        )

    def close(self):
        for client in (self.sagemaker, self.s3, self.logs):
            client.close()


@contextmanager
def serving(folder, end):
    """A server in a process of its own, ended by a signal, or in order if that is ``None``."""
    command = [sys.executable, "-c", SERVER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        clients = Clients(process.stdout.readline().strip())
        try:
            yield clients
        finally:
            clients.close()
            if end is not None:
                process.send_signal(end)


def job(name, command):
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": command},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "Tags": [{"Key": "team", "Value": "ml"}],
    }


def wait(clients, name, condition):
    deadline = time.monotonic() + 15
    while not condition(description := clients.sagemaker.describe_processing_job(ProcessingJobName=name)):
        assert time.monotonic() < deadline, description
        time.sleep(0.03)
    return description


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A server that was killed: its folder and what it said of a job that had ended."""
    folder = tmp_path_factory.mktemp("state")
    with serving(folder, signal.SIGKILL) as clients:
        clients.s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        clients.s3.create_bucket(Bucket="gone", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        clients.s3.delete_bucket(Bucket="gone")
        put = {
            "Bucket": "kept",
            "Body": b"text \xff",
            "ContentType": "text/x",
            "Metadata": {"colour": "blue", "under_score": "1"},
        }
        clients.s3.put_object(Key="a b/ü+%.txt", **put)
        clients.s3.copy_object(Bucket="kept", Key="copy", CopySource={"Bucket": "kept", "Key": "a b/ü+%.txt"})
        for number in range(3):
            clients.s3.put_object(Bucket="kept", Key=f"deleted/{number}", Body=b"x")
        clients.s3.delete_object(Bucket="kept", Key="deleted/0")
        deleted = [{"Key": "deleted/1"}, {"Key": "deleted/2"}]
        clients.s3.delete_objects(Bucket="kept", Delete={"Objects": deleted})
        upload(clients.s3)
        clients.sagemaker.create_processing_job(**job("ended", ["true"]))
        ended = wait(clients, "ended", lambda seen: seen["ProcessingJobStatus"] == "Completed")
        clients.sagemaker.create_processing_job(**job("running", ["sleep", "600"]))
        wait(clients, "running", lambda seen: "ProcessingStartTime" in seen)
        clients.sagemaker.create_model(
            ModelName="model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i", "ModelDataUrl": "s3://kept/copy"}
        )
        clients.sagemaker.create_model_package_group(ModelPackageGroupName="group")
        clients.sagemaker.create_model_package(ModelPackageGroupName="group", ClientToken="t")
    return folder, ended


def upload(s3):
    """An object of two parts, as clients upload large files."""
    place = {"Bucket": "kept", "Key": "parts"}
    number = s3.create_multipart_upload(**place)["UploadId"]
    parts = []
    for part, body in ((1, b"1" * 5_242_880), (2, b"2")):
        tag = s3.upload_part(**place, UploadId=number, PartNumber=part, Body=body)["ETag"]
        parts.append({"PartNumber": part, "ETag": tag})
    s3.complete_multipart_upload(**place, UploadId=number, MultipartUpload={"Parts": parts})


@pytest.fixture(scope="module")
def after(before):
    with serving(before[0], None) as clients:
        yield clients


def test_a_job_that_had_ended_is_described_as_before(before, after):
    again = after.sagemaker.describe_processing_job(ProcessingJobName="ended")
    assert {**again, "ResponseMetadata": None} == {**before[1], "ResponseMetadata": None}


def test_a_job_that_ran_is_failed_with_an_internal_server_error(after):
    again = after.sagemaker.describe_processing_job(ProcessingJobName="running")
    assert again["ProcessingJobStatus"] == "Failed"
    assert again["FailureReason"].startswith("InternalServerError: We encountered an internal error.")
    assert again["ProcessingEndTime"]


def test_names_stay_taken_and_tags_stay(after):
    with pytest.raises(ClientError, match="ResourceInUse"):
        after.sagemaker.create_processing_job(**job("ended", ["true"]))
    arn = after.sagemaker.describe_processing_job(ProcessingJobName="ended")["ProcessingJobArn"]
    assert after.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]


def test_models_and_packages_stay_and_versions_go_on(after):
    assert after.sagemaker.describe_model(ModelName="model")["PrimaryContainer"]["Image"] == "i"
    again = after.sagemaker.create_model_package(ModelPackageGroupName="group", ClientToken="t")
    assert again["ModelPackageArn"].endswith("model-package/group/1")
    new = after.sagemaker.create_model_package(ModelPackageGroupName="group", ClientToken="u")
    assert new["ModelPackageArn"].endswith("model-package/group/2")


def test_objects_stay_with_their_metadata(after):
    for key in ("a b/ü+%.txt", "copy"):
        found = after.s3.get_object(Bucket="kept", Key=key)
        assert found["Body"].read() == b"text \xff"
        assert (found["ContentType"], found["Metadata"]) == ("text/x", {"colour": "blue", "under_score": "1"})
    assert after.s3.get_object(Bucket="kept", Key="parts")["Body"].read() == b"1" * 5_242_880 + b"2"


def test_what_was_deleted_stays_deleted(after):
    keys = [entry["Key"] for entry in after.s3.list_objects_v2(Bucket="kept")["Contents"]]
    assert keys == ["a b/ü+%.txt", "copy", "parts"]
    assert [bucket["Name"] for bucket in after.s3.list_buckets()["Buckets"]] == ["kept"]
    assert after.s3.get_bucket_location(Bucket="kept")["LocationConstraint"] == "eu-west-1"


def test_logs_do_not_survive(after):
    assert after.logs.describe_log_groups()["logGroups"] == []


def test_jobs_run_on_the_kept_state(after):
    after.sagemaker.create_processing_job(**job("next", ["true"]))
    assert wait(after, "next", lambda seen: seen["ProcessingJobStatus"] == "Completed")
