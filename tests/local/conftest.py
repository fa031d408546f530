"""A local AWS for the tests of a module, and what they do with it."""

from __future__ import annotations

import io
import json
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_sm_pipelines.local.server.local_aws import LocalAws

HERE = Path(__file__).parent
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
TERMINAL = ("Completed", "Failed", "Stopped")
BUCKET = "test-bucket"
SESSION: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that is below this folder and has no lane of its own; the hook gets the tests of all folders."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("docker") is None:
            item.add_marker(pytest.mark.loopback)


@dataclass(frozen=True)
class Workbench:
    """A running local AWS with clients and a bucket."""

    aws: LocalAws
    client: Callable[..., Any]

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    @property
    def s3(self) -> Any:
        return self.client("s3")

    @property
    def logs(self) -> Any:
        return self.client("logs")

    @staticmethod
    def request(name: str, command: list[str], **members: Any) -> dict[str, Any]:
        """A CreateProcessingJob request that runs a command."""
        return {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": "some-image:1", "ContainerEntrypoint": command},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            **members,
        }

    def create(self, name: str, command: list[str], **members: Any) -> str:
        request = self.request(name, command, **members)
        return str(self.sagemaker.create_processing_job(**request)["ProcessingJobArn"])

    def describe(self, name: str) -> dict[str, Any]:
        description: dict[str, Any] = self.sagemaker.describe_processing_job(ProcessingJobName=name)
        return description

    def wait(self, name: str, states: tuple[str, ...] = TERMINAL, seconds: float = 15.0) -> dict[str, Any]:
        """The description of a job that has come to one of the states."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            description = self.describe(name)
            if description["ProcessingJobStatus"] in states:
                return description
            time.sleep(0.03)
        raise AssertionError(f"{name} is still {description['ProcessingJobStatus']} after {seconds} s")

    def run(self, name: str, command: list[str], **members: Any) -> dict[str, Any]:
        self.create(name, command, **members)
        return self.wait(name)

    def wait_for_start(self, name: str) -> None:
        """Return when the job's command runs."""
        deadline = time.monotonic() + 15
        while "ProcessingStartTime" not in self.describe(name):
            assert time.monotonic() < deadline, self.describe(name)
            time.sleep(0.03)

    def wait_for_line(self, name: str, line: str, group: str = "/aws/sagemaker/ProcessingJobs") -> None:
        """Return when a job has printed a line."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                if line in self.log_lines(name, group):
                    return
            except (ValueError, ClientError):  # the stream is not there yet
                pass
            time.sleep(0.03)
        raise AssertionError(f"{name} has not printed {line}")

    def put(self, key: str, text: str | bytes) -> str:
        """Put an object; returns its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode() if isinstance(text, str) else text)
        return f"s3://{BUCKET}/{key}"

    def put_archive(self, key: str, files: dict[str, str | bytes]) -> str:
        """Put a gzip-compressed tar archive with these files; returns its URI."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return self.put(key, stream.getvalue())

    def archive(self, uri: str) -> dict[str, bytes]:
        """Files of an archive in S3, by name."""
        key = uri.removeprefix(f"s3://{BUCKET}/")
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            return {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]

    def finish(self, kind: str, name: str, seconds: float = 30.0) -> dict[str, Any]:
        """The description of a job of some kind (``training``, ``transform``) that has ended."""
        describe = getattr(self.sagemaker, f"describe_{kind}_job")
        noun = f"{kind.capitalize()}Job"
        deadline = time.monotonic() + seconds
        while True:
            description: dict[str, Any] = describe(**{f"{noun}Name": name})
            if description[f"{noun}Status"] in TERMINAL:
                return description
            assert time.monotonic() < deadline, description
            time.sleep(0.03)

    def objects(self, prefix: str) -> dict[str, str]:
        """Texts of the objects below a prefix, by the rest of their keys."""
        entries = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        bodies = {entry["Key"]: self.s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"] for entry in entries}
        return {key.removeprefix(prefix): body.read().decode() for key, body in bodies.items()}

    def objects_below(self, prefix: str) -> list[str]:
        """Keys of the objects below a prefix, without it."""
        entries = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [entry["Key"].removeprefix(prefix) for entry in entries]

    def log_lines(self, name: str, group: str = "/aws/sagemaker/ProcessingJobs") -> list[str]:
        """What a job has printed, as CloudWatch Logs has it."""
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
        [stream] = streams["logStreams"]
        events = self.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        return [event["message"] for event in events["events"]]

    def control(self, method: str, path: str, document: object = None) -> Any:
        """Call an endpoint below ``/_local/``."""
        body = None if document is None else json.dumps(document).encode()
        call = urllib.request.Request(f"{self.aws.endpoint_url}/_local/{path}", data=body, method=method)
        with urllib.request.urlopen(call) as answer:
            return json.load(answer)

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """Recorded calls of an operation."""
        return [call for call in self.control("GET", "calls")["calls"] if call["operation"] == operation]


def s3_input(name: str, uri: str, **members: Any) -> dict[str, Any]:
    """A ProcessingInput that appears at ``/opt/ml/processing/<name>``."""
    source = {
        "S3Uri": uri,
        "LocalPath": f"/opt/ml/processing/{name}",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    return {"InputName": name, "AppManaged": False, "S3Input": {**source, **members}}


def s3_output(name: str, uri: str, **members: Any) -> dict[str, Any]:
    """A ProcessingOutput from ``/opt/ml/processing/<name>``."""
    target = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "AppManaged": False, "S3Output": {**target, **members}}


@pytest.fixture(scope="session")
def processing_input() -> Callable[..., dict[str, Any]]:
    return s3_input


@pytest.fixture(scope="session")
def processing_output() -> Callable[..., dict[str, Any]]:
    return s3_output


@pytest.fixture(scope="session")
def open_workbench() -> Callable[..., Any]:
    """Opens a workbench as a context manager; keywords are settings."""
    return _Opened


class _Opened:
    def __init__(self, **settings: Any) -> None:
        quick = {
            "stop_grace_seconds": 0.5,
            "shutdown_grace_seconds": 0.2,
            "continuous_upload_seconds": 0.2,
        }
        self._aws = LocalAws(**{**quick, **settings})
        self._clients: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Workbench:
        self._aws.start()
        bench = Workbench(self._aws, self._client)
        try:
            place = {"LocationConstraint": self._aws.settings.region}
            bench.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        except bench.s3.exceptions.BucketAlreadyOwnedByYou:  # two servers in one process share moto's buckets
            pass
        return bench

    def __exit__(self, *_: object) -> None:
        self._aws.stop()
        for client in self._clients.values():
            client.close()

    def _client(self, service: str, **options: Any) -> Any:
        """A client that never retries; ``options`` go to botocore's Config, except ``region``."""
        key = (service, repr(sorted(options.items())))
        if key not in self._clients:
            region = options.pop("region", self._aws.settings.region)
            self._clients[key] = SESSION.client(
                service,
                region_name=region,
                endpoint_url=self._aws.endpoint_url,
                config=Config(**{"retries": {"total_max_attempts": 1}, **options}),
            )
        return self._clients[key]


@pytest.fixture(scope="module")
def bench() -> Iterator[Workbench]:
    with _Opened() as opened:
        yield opened
