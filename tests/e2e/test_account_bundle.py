"""Pipelines of an account that appear in a real Airflow, change, and go away again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.e2e.conftest import Run, World, wait_for

pytestmark = pytest.mark.e2e
ROLE = "arn:aws:iam::123456789012:role/Pipelines"
BUNDLE = {
    "name": "sagemaker",
    "classpath": "airflow_sm_pipelines.bundle.account_bundle.SageMakerDagBundle",
    "kwargs": {"store": "s3://account-bundle/versions", "refresh_interval": 5, "tags": {"team": "ml"}},
}


@dataclass
class Account:
    """A data scientist, and what Airflow shows."""

    world: World

    def upsert(self, name: str, message: str) -> None:
        """Do what ``pipeline.upsert()`` of the SageMaker SDK does."""
        client = self.world.sagemaker
        steps = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}]
        text = json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps})
        request: dict[str, Any] = {"PipelineName": name, "PipelineDefinition": text, "RoleArn": ROLE}
        try:
            client.create_pipeline(**request, Tags=[{"Key": "team", "Value": "ml"}])
        except client.exceptions.ClientError as error:
            if "already exists" not in str(error):
                raise
            client.update_pipeline(**request)

    def versions(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.airflow.api.request("GET", f"dags/{name}/dagVersions")["dag_versions"]
        return found

    def dag(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.world.airflow.api.request("GET", f"dags/{name}")
        return found

    def run(self, name: str) -> Run:
        run = self.world.trigger(name)
        assert run.wait(180) == "failed"
        return run


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    home = tmp_path_factory.mktemp("airflow-of-bundle")
    settings = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([BUNDLE]),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "5",
        "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
    }
    with LocalAws(port=0) as aws:
        s3: Any = boto3.client(
            "s3",
            endpoint_url=aws.endpoint_url,
            region_name="us-west-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        s3.create_bucket(Bucket="account-bundle", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        with AirflowProcesses(home, home, environment=aws.environment(), settings=settings) as airflow:
            yield Account(World(airflow, aws, home))


def test_an_upserted_pipeline_is_a_dag_and_an_old_run_keeps_its_text(account: Account) -> None:
    api = account.world.airflow.api
    account.upsert("abalone", "the old text")
    wait_for(lambda: api.has_dag("abalone"), 120, "the DAG of the new pipeline")
    assert "team=ml" in [tag["name"] for tag in account.dag("abalone")["tags"]]
    old = account.run("abalone")
    assert "the old text" in old.log("Stop")

    account.upsert("abalone", "the new text")
    wait_for(lambda: len(account.versions("abalone")) == 2, 120, "the new version of the DAG")
    new = account.run("abalone")
    assert "the new text" in new.log("Stop")
    assert len({one["bundle_version"] for one in account.versions("abalone")}) == 2

    old.clear("Stop")
    wait_for(lambda: len(old.tries("Stop")) == 2 and old.state() == "failed", 120, "the cleared run to end")
    assert "the old text" in old.log("Stop", 2)
    assert "the new text" not in old.log("Stop", 2)


def test_the_dag_of_a_deleted_pipeline_is_stale_and_the_others_stay(account: Account) -> None:
    api = account.world.airflow.api
    account.upsert("leaving", "x")
    account.upsert("staying", "x")
    wait_for(lambda: api.has_dag("leaving") and api.has_dag("staying"), 120, "the DAGs of the new pipelines")

    account.world.sagemaker.delete_pipeline(PipelineName="leaving")

    wait_for(lambda: account.dag("leaving")["is_stale"], 180, "the DAG to be stale")
    assert account.dag("staying")["is_stale"] is False
    assert api.import_errors() == []


def test_while_the_account_refuses_the_dags_stay_and_the_log_says_so(account: Account) -> None:
    log = account.world.airflow.log_file("dag-processor")
    account.upsert("lasting", "x")
    wait_for(lambda: account.world.airflow.api.has_dag("lasting"), 120, "the DAG of the new pipeline")
    account.world.fault(service="sagemaker", operation="Search", action="error", code="ThrottlingException")

    wait_for(lambda: "stay as they are: Search: ThrottlingException" in log.read_text(), 120, "the warning")

    account.world.clear_faults()
    account.upsert("after", "x")
    wait_for(lambda: account.world.airflow.api.has_dag("after"), 120, "the DAG of the next pipeline")
    assert account.dag("lasting")["is_stale"] is False


def test_the_files_of_a_version_are_in_the_store(account: Account) -> None:
    """What a worker on another machine has: the version's name, and the store."""
    account.upsert("stored", "x")
    wait_for(lambda: account.world.airflow.api.has_dag("stored"), 120, "the DAG of the new pipeline")
    version = account.versions("stored")[0]["bundle_version"]
    client: Any = boto3.client(
        "s3",
        endpoint_url=account.world.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    manifest = json.load(client.get_object(Bucket="account-bundle", Key=f"versions/versions/{version}.json")["Body"])

    digest = manifest["files"]["pipelines/stored.json"]
    stored = json.load(client.get_object(Bucket="account-bundle", Key=f"versions/objects/{digest}")["Body"])
    assert (stored["PipelineName"], stored["RoleArn"]) == ("stored", ROLE)
