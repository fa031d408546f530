"""The bundle with a real boto3, from the Airflow connection to the answers of a local AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from airflow_sm_pipelines.bundle.account_bundle import LOADER_FILE, SageMakerDagBundle
from airflow_sm_pipelines.execution.connection import forget_clients
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.bundle.conftest import ROLE, definition

pytestmark = pytest.mark.loopback


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS with a bucket and three pipelines."""
    with LocalAws(port=0) as aws:
        place = {"LocationConstraint": "us-west-2"}
        client(aws, "s3").create_bucket(Bucket="versions", CreateBucketConfiguration=place)
        sagemaker = client(aws, "sagemaker")
        for name, tags in (("abalone", [{"Key": "team", "Value": "ml"}]), ("churn-train", []), ("churn-score", [])):
            sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition(), RoleArn=ROLE, Tags=tags)
        yield aws


@pytest.fixture(autouse=True)
def connection(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The Airflow connection to it."""
    extra = {"region_name": "us-west-2", "endpoint_url": aws.endpoint_url}
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ML_AWS", json.dumps(connection))
    forget_clients()
    yield
    forget_clients()


def client(aws: LocalAws, service: str) -> Any:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-west-2")
    patient = Config(read_timeout=300)  # a request that is sent again would find its bucket made already
    return session.client(service, endpoint_url=aws.endpoint_url, config=patient)


@pytest.mark.parametrize(
    ("selection", "mirrored"),
    [
        ({}, ["abalone", "churn-score", "churn-train"]),
        ({"pipelines": ["churn-*"]}, ["churn-score", "churn-train"]),
        ({"tags": {"team": "ml"}}, ["abalone"]),
        (
            {"pipelines": ["arn:aws:sagemaker:us-west-2:123456789012:pipeline/churn-train"]},
            ["churn-train.123456789012"],
        ),
    ],
)
def test_pipelines_are_mirrored_through_a_store_in_s3(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    selection: dict[str, Any],
    mirrored: list[str],
) -> None:

    def bundle(machine: str, version: str | None = None) -> SageMakerDagBundle:
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / machine))
        made = SageMakerDagBundle(
            name="ml", store="s3://versions/ml", aws_conn_id="ml_aws", version=version, **selection
        )
        made.initialize()
        return made

    processor = bundle("processor")
    processor.refresh()
    version = processor.get_current_version()

    assert version is not None
    worker = bundle("worker", version.version)
    assert sorted(path.stem for path in (worker.path / "pipelines").glob("*.json")) == mirrored
    assert (worker.path / LOADER_FILE).read_bytes() == (processor.path / LOADER_FILE).read_bytes()
