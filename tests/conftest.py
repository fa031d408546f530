"""For every suite: none of the machine's AWS settings, an Airflow home of its own, and stand-ins for a task's world.

Nothing here imports Airflow or boto3 before a test asks for it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

_airflow_home = tempfile.mkdtemp(prefix="airflow-home-")
# Airflow reads its home when it is first imported, which collecting a test module may do.
os.environ["AIRFLOW_HOME"] = _airflow_home
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]


def pytest_unconfigure() -> None:
    shutil.rmtree(_airflow_home, ignore_errors=True)


INSTALLATION = "0123456789ab-01234567"
_SUITES_WITH_AIRFLOW = {"integration", "e2e", "sdk"}
_SUITES_WITH_A_NETWORK = {"browser", "loopback", "integration", "e2e", "sdk", "docker"}


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a unit test that listens or connects fail: it belongs to one of the other suites."""
    if _SUITES_WITH_A_NETWORK.isdisjoint(mark.name for mark in request.node.iter_markers()):
        monkeypatch.setattr(socket.socket, "listen", _refuse)
        monkeypatch.setattr(socket.socket, "connect", _refuse)


@pytest.fixture(autouse=True)
def _registered_installation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give tests without a real Airflow the variable that its scheduler makes."""
    if _SUITES_WITH_AIRFLOW.isdisjoint(mark.name for mark in request.node.iter_markers()):
        monkeypatch.setenv("AIRFLOW_VAR_SM_PIPELINES_DEPLOYMENT", INSTALLATION)


def _refuse(*_: Any) -> None:
    raise AssertionError("a unit test uses the network; mark it `loopback`, or give it a stand-in")


class FakeStore:
    """Airflow's task state store: JSON values that outlive the process."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.texts[key]) if key in self.texts else None

    def set(self, key: str, value: Any) -> None:
        self.texts[key] = json.dumps(value, allow_nan=False)


@dataclass
class FakeTaskInstance:
    """What steps use of Airflow's task instance; XCom values go through JSON, as with Airflow."""

    task_id: str = "Step"
    dag_id: str = "dag"
    run_id: str = "run"
    map_index: int | None = -1
    try_number: int = 1
    max_tries: int = 3
    task: Any = field(default_factory=lambda: SimpleNamespace(retries=3))
    xcoms: dict[tuple[str, str], str] = field(default_factory=dict)
    dag_version_id: UUID = field(default_factory=lambda: UUID("019b7c6f-3200-7000-8000-000000000000"))
    bundle_instance: Any = field(default_factory=lambda: SimpleNamespace(name="dags", version="pinned"))

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = json.dumps(value, allow_nan=False)

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        task = task_ids if map_indexes < 0 else f"{task_ids}[{map_indexes}]"
        return json.loads(self.xcoms[task, key]) if (task, key) in self.xcoms else None

    def published_by(self, task_id: str, value: Any, key: str = "return_value") -> None:
        """Do as if another task had published a value; ``Task[3]`` is the fourth of a mapped task."""
        self.xcoms[task_id, key] = json.dumps(value)


@pytest.fixture
def ti() -> FakeTaskInstance:
    return FakeTaskInstance()


@pytest.fixture
def context(ti: FakeTaskInstance) -> dict[str, Any]:
    """Airflow's task context, as far as steps use it."""
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return {
        "ti": ti,
        "dag": SimpleNamespace(fileloc="dags.py"),
        "dag_run": SimpleNamespace(run_after=start, start_date=start, clear_number=0),
        "params": {},
        "task_state_store": FakeStore(),
    }


class FakeSageMaker:
    """A boto3 client for SageMaker with the five calls of a processing job, over a real client's ``meta``.

    Attributes:
        jobs: Describe response of each job, to be changed by tests.
        requests: The Create requests.
        calls: Names of all calls in order.
        faults: Operation -> errors that its next calls raise, in order.
        ending: Describe members of a job after its first look; ``None`` leaves it running.
    """

    def __init__(self, meta: Any) -> None:
        self.meta = meta
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.ending: dict[str, Any] | None = {"ProcessingJobStatus": "Completed"}

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        if self.faults.get(operation):
            raise self.faults[operation].pop(0)

    def create_processing_job(self, **request: Any) -> dict[str, Any]:
        self._called("CreateProcessingJob")
        name = request["ProcessingJobName"]
        if name in self.jobs:
            raise client_error("ResourceInUse", "already exists")
        self.requests.append(request)
        members = {key: value for key, value in request.items() if key != "Tags"}
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:processing-job/{name}"
        self.jobs[name] = {**members, "ProcessingJobArn": arn, "ProcessingJobStatus": "InProgress"}
        return {"ProcessingJobArn": arn}

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:  # noqa: N803
        self._called("DescribeProcessingJob")
        if ProcessingJobName not in self.jobs:
            raise client_error("ValidationException", "Could not find requested job with name: x")
        job = self.jobs[ProcessingJobName]
        if self.ending is not None and job["ProcessingJobStatus"] == "InProgress":
            job.update(self.ending)
        return {**job, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def stop_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:  # noqa: N803
        self._called("StopProcessingJob")
        self.jobs[ProcessingJobName]["ProcessingJobStatus"] = "Stopped"
        return {}

    def list_processing_jobs(self, **query: Any) -> dict[str, Any]:
        self._called("ListProcessingJobs")
        found = [
            {"ProcessingJobName": name, "ProcessingJobArn": job["ProcessingJobArn"]}
            for name, job in self.jobs.items()
            if query.get("NameContains", "") in name and job["ProcessingJobStatus"] == query["StatusEquals"]
        ]
        return {"ProcessingJobSummaries": found}

    def list_training_jobs(self, **query: Any) -> dict[str, Any]:
        return {"TrainingJobSummaries": []}

    def list_transform_jobs(self, **query: Any) -> dict[str, Any]:
        return {"TransformJobSummaries": []}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:  # noqa: N803
        self._called("ListTags")
        name = ResourceArn.rpartition("/")[2]
        return {"Tags": next(request["Tags"] for request in self.requests if request["ProcessingJobName"] == name)}


def client_error(code: str, message: str = "", status: int = 400) -> Exception:
    """The error that boto3 raises for an answer of AWS."""
    from botocore.exceptions import ClientError

    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Airflow's variables, as far as the cache of a step uses them."""
    from airflow_sm_pipelines.execution import cache_store

    kept: dict[str, str] = {}
    monkeypatch.setattr(cache_store, "airflow_variable", kept.get)
    monkeypatch.setattr(cache_store, "set_airflow_variable", lambda key, value, _: kept.update({key: value}))
    monkeypatch.setattr(cache_store, "delete_airflow_variable", kept.pop)
    monkeypatch.setattr(
        cache_store, "airflow_variable_keys", lambda prefix: [key for key in kept if key.startswith(prefix)]
    )
    return kept


@pytest.fixture(scope="session")
def sagemaker_client() -> Any:
    """A real boto3 client that nobody calls: for its model of the API."""
    import boto3

    return boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def sagemaker(sagemaker_client: Any) -> FakeSageMaker:
    return FakeSageMaker(sagemaker_client.meta)


@pytest.fixture(name="client_error")
def _client_error() -> Any:
    return client_error


@pytest.fixture
def processing_arguments() -> dict[str, Any]:
    """Arguments of a Processing step: the least that CreateProcessingJob accepts."""
    return {
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "AppSpecification": {"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
    }


@pytest.fixture
def definition() -> Any:
    """Make a pipeline definition of steps and, if need be, other members; without experiments unless asked for."""
    usual = {"Version": "2020-12-01", "Metadata": {}, "Parameters": []}

    def make(*steps: dict[str, Any], **members: Any) -> dict[str, Any]:
        return {**usual, "Steps": list(steps), **members}

    return make


class FakeConnection:
    """Hands out the clients that a test has put in, and counts the requests for each."""

    def __init__(self, **clients: Any) -> None:
        self.clients = clients
        self.asked: list[str] = []

    def client(self, service: str) -> Any:
        self.asked.append(service)
        return self.clients[service]

    def as_arguments(self) -> dict[str, Any]:
        return {"aws_conn_id": "aws_default", "region_name": "eu-west-1", "verify": None, "botocore_config": None}


def meta_of(service: str) -> Any:
    """Return what a boto3 client says of its service."""
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client: Any = boto3.client(service, region_name="eu-west-1", **keys)
    return client.meta


@pytest.fixture(scope="session")
def s3_meta() -> Any:
    return meta_of("s3")


class FakeS3:
    """GetObject over a dict from URI to JSON document, text, or the error that boto3 raises."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.reads: list[str] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        uri = f"s3://{Bucket}/{Key}"
        self.reads.append(uri)
        found = self.documents[uri]
        if isinstance(found, Exception):
            raise found
        text = found if isinstance(found, str) else json.dumps(found)
        return {"Body": io.BytesIO(text.encode())}


@pytest.fixture
def connection(sagemaker: Any) -> FakeConnection:
    return FakeConnection(sagemaker=sagemaker)


@pytest.fixture
def s3(connection: FakeConnection) -> FakeS3:
    connection.clients["s3"] = FakeS3({})
    return connection.clients["s3"]


@pytest.fixture
def start() -> Any:
    """Make a step that is about to start; its arguments and members hold no expressions."""
    from airflow_sm_pipelines.aws.requests.step_start import StepStart

    def make(
        arguments: dict[str, Any] | None = None, members: dict[str, Any] | None = None, **others: Any
    ) -> StepStart:
        return StepStart(
            **{
                "step": "Step",
                "attempt": "attempt-0",
                "arguments": arguments or {},
                "resolve": lambda value, _place, _payload: value,
                "members": lambda: members or {},
                "trial": lambda: None,
                "shape": lambda wanted: (dict(wanted.request), []),
                "tags": [],
                "log": logging.getLogger("start"),
                **others,
            }
        )

    return make


@pytest.fixture
def perform() -> Any:
    """Make the calls of a builder with one client, whatever their service."""
    from airflow_sm_pipelines.aws.calls import call
    from airflow_sm_pipelines.errors import AwsCallError

    def run(calls: Any, client: Any) -> Any:
        try:
            wanted = next(calls)
            while True:
                try:
                    answer: Any = call(client, wanted.operation, wanted.request)
                    if isinstance(answer.get("Body"), io.BytesIO):
                        answer = {"Body": answer["Body"].read()}
                except AwsCallError as error:
                    wanted = calls.throw(error)
                else:
                    wanted = calls.send(answer)
        except StopIteration as done:
            return done.value

    return run


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the working directory, JSON unless it is text, and return its name."""
    monkeypatch.chdir(tmp_path)

    def write_file(name, content):
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return name

    return write_file
