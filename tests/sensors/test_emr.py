"""EMR steps: what is sent, what is published, and what crashes and lost answers leave, against the local AWS."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.console import AwsPlace
from airflow_sm_pipelines.aws.kinds import EMR_STEP
from airflow_sm_pipelines.errors import StepFailedError, StepTimeoutError
from airflow_sm_pipelines.execution import orphans
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import Deployment
from airflow_sm_pipelines.execution.job import JobRun
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.sweep import Sweep
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.conftest import INSTALLATION

pytestmark = pytest.mark.loopback

ROLE = "arn:aws:iam::123456789012:role/EmrRuntimeRole"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(stop_grace_seconds=0.5, shutdown_grace_seconds=0.2) as aws:
        yield aws


@pytest.fixture
def emr(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A boto3 client with botocore's usual retries, which the steps use, too."""
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    client = session.client("emr", region_name="us-west-2", endpoint_url=aws.endpoint_url)
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: client)
    yield client
    control(aws, "DELETE", "faults")
    deadline = time.monotonic() + 15
    while left := clusters(client, *LIVE):  # what one test has ended is nothing to the next
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.fixture
def cluster(emr: Any) -> Iterator[str]:
    """A cluster that waits for steps."""
    instances = {"KeepJobFlowAliveWhenNoSteps": True}
    name = emr.run_job_flow(Name="shared", Instances=instances, StepConcurrencyLevel=10)["JobFlowId"]
    yield name
    emr.terminate_job_flows(JobFlowIds=[name])


def control(aws: LocalAws, method: str, path: str, document: object = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    call = urllib.request.Request(f"{aws.endpoint_url}/_local/{path}", data=body, method=method)
    with urllib.request.urlopen(call) as answer:
        return json.load(answer)


def fault(aws: LocalAws, operation: str, action: str, **members: Any) -> None:
    rule = {"service": "elasticmapreduce", "operation": operation, "action": action, "times": 1}
    control(aws, "POST", "faults", {**rule, **members})


@pytest.fixture
def run(definition: Any, context: Any, ti: Any) -> Any:
    """Runs one EMR step to its end in this process; a try more with each call."""
    from airflow_sm_pipelines import pipeline_dag

    def execute(arguments: dict[str, Any], **dag: Any) -> dict[str, Any]:
        body = definition({"Name": "Work", "Type": "EMR", "Arguments": arguments}, Parameters=[])
        settings = {"deferrable": False, "poll_interval": 0.2, **dag}
        made = pipeline_dag(body, dag_id="dag", aws_conn_id=None, **settings)
        task: Any = made.get_task("Work")
        ti.task_id, ti.task = task.task_id, task
        execute.task = task  # type: ignore[attr-defined]
        try:
            properties: dict[str, Any] = task.execute(context)
            return properties
        finally:
            ti.try_number += 1

    return execute


def step_config(*words: str) -> dict[str, Any]:
    return {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(words)}}


def on(cluster: str, *words: str) -> dict[str, Any]:
    return {"ClusterId": cluster, "StepConfig": step_config(*words)}


def steps_of(emr: Any, cluster: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = emr.list_steps(ClusterId=cluster)["Steps"]
    return steps


# -- on a running cluster ------------------------------------------------------------------------------------------


def test_the_properties_are_those_of_the_step_with_its_cluster(run: Any, emr: Any, cluster: str) -> None:
    properties = run({**on(cluster, "true"), "ExecutionRoleArn": ROLE})

    assert properties["ClusterId"] == cluster
    assert properties["Config"]["Args"] == ["true"]
    assert properties["Status"]["State"] == "COMPLETED"
    assert properties["ExecutionRoleArn"] == ROLE
    assert properties["Id"] == steps_of(emr, cluster)[0]["Id"]


def test_the_step_is_named_by_the_attempt_and_its_owner(run: Any, emr: Any, cluster: str) -> None:
    run(on(cluster, "true"))

    [step] = steps_of(emr, cluster)
    attempt, _, owner = step["Name"].partition(" ")
    assert attempt.startswith("pipelines-")
    assert owner.endswith("|dag|run|Work|-1)")
    assert step["ActionOnFailure"] == "CONTINUE"


def test_the_pipelines_role_is_not_the_runtime_role(run: Any, cluster: str) -> None:
    assert "ExecutionRoleArn" not in run(on(cluster, "true"), role_arn=ROLE)


def test_numbers_become_the_text_that_the_api_wants(run: Any, cluster: str) -> None:
    arguments = on(cluster, "true")
    arguments["StepConfig"]["HadoopJarStep"]["Args"] = ["echo", 3, 0.5, True]

    assert run(arguments)["Config"]["Args"] == ["echo", "3", "0.5", "true"]


def test_a_failed_step_says_why(run: Any, cluster: str) -> None:
    with pytest.raises(StepFailedError, match=r"ended FAILED: .* exit code 3; its last output: too few") as caught:
        run(on(cluster, "bash", "-c", "echo too few; exit 3"))
    assert caught.value.exception_type is None


def test_a_cluster_that_takes_no_steps_is_named_with_its_state(run: Any, emr: Any, cluster: str) -> None:
    emr.terminate_job_flows(JobFlowIds=[cluster])

    with pytest.raises(StepFailedError, match=f"cluster {cluster} is TERMINATED .*needs a cluster that is STARTING"):
        run(on(cluster, "true"))


def test_an_unknown_cluster_is_named(run: Any, emr: Any) -> None:
    with pytest.raises(StepFailedError, match=r"cannot describe cluster j-NONE: .*Cluster id 'j-NONE' is not valid"):
        run(on("j-NONE", "true"))


def test_more_steps_than_emr_allows_are_reported_as_that(run: Any, emr: Any, cluster: str) -> None:
    waiting = [{"Name": "x", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["sleep", "60"]}}]
    emr.add_job_flow_steps(JobFlowId=cluster, Steps=waiting * 256)

    with pytest.raises(StepFailedError, match="as many pending and running steps as EMR allows, 256") as caught:
        run(on(cluster, "true"))

    assert caught.value.exception_type == "Emr.RESOURCE_LIMIT"


def test_an_answer_lost_on_the_way_is_not_asked_for_again_in_the_same_try(
    run: Any, aws: LocalAws, emr: Any, cluster: str
) -> None:
    fault(aws, "AddJobFlowSteps", "drop_after")

    with pytest.raises(StepFailedError, match="AWS did not answer AddJobFlowSteps") as caught:
        run(on(cluster, "true"))

    assert caught.value.exception_type == "Step.SERVICE_FAULT"
    assert len(steps_of(emr, cluster)) == 1, "botocore did not send it again"
    assert run(on(cluster, "true"))["Id"] == steps_of(emr, cluster)[0]["Id"]
    assert len(steps_of(emr, cluster)) == 1, "the next try found it"


def test_a_server_error_after_which_nothing_was_added_is_tried_again_by_the_next_try(
    run: Any, aws: LocalAws, emr: Any, cluster: str
) -> None:
    fault(aws, "AddJobFlowSteps", "error", code="InternalServerError", http_status=500)
    with pytest.raises(StepFailedError) as caught:
        run(on(cluster, "true"))
    assert caught.value.exception_type == "Step.SERVICE_FAULT"
    assert steps_of(emr, cluster) == []

    run(on(cluster, "true"))

    assert len(steps_of(emr, cluster)) == 1


def test_a_throttled_request_is_sent_again_since_it_was_not_executed(
    run: Any, aws: LocalAws, emr: Any, cluster: str
) -> None:
    fault(aws, "AddJobFlowSteps", "error", code="ThrottlingException")

    run(on(cluster, "true"))

    assert len(steps_of(emr, cluster)) == 1
    calls = [call for call in control(aws, "GET", "calls")["calls"] if call["operation"] == "AddJobFlowSteps"]
    assert [call["outcome"] for call in calls[-2:]] == ["ThrottlingException", "ok"]


def test_a_step_whose_answer_was_lost_before_a_clear_is_cancelled(
    run: Any, aws: LocalAws, emr: Any, ti: Any, cluster: str
) -> None:
    fault(aws, "AddJobFlowSteps", "drop_after")
    with pytest.raises(StepFailedError):
        run(on(cluster, "sleep", "60"))
    ti.max_tries += 1  # what a clear does

    run(on(cluster, "true"))

    new, old = steps_of(emr, cluster)
    assert old["Status"]["State"] == "CANCELLED"
    assert new["Status"]["State"] == "COMPLETED"


def test_a_time_out_while_the_step_is_added_cancels_it(
    run: Any, emr: Any, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(self: Any, attempt: Any) -> Any:
        raise AirflowTaskTimeout

    monkeypatch.setattr(JobRun, "submitted", late)  # the step is there, and what it is called is not written down

    with pytest.raises(StepTimeoutError):
        run(on(cluster, "sleep", "60"))

    states = [step["Status"]["State"] for step in steps_of(emr, cluster)]
    assert states in (["CANCEL_PENDING"], ["CANCELLED"])


def test_a_step_longer_than_its_execution_timeout_is_cancelled(run: Any, emr: Any, cluster: str) -> None:
    with pytest.raises(StepTimeoutError):
        run(on(cluster, "sleep", "60"), overrides={"Work": {"execution_timeout": timedelta(seconds=1)}})

    assert steps_of(emr, cluster)[0]["Status"]["State"] in ("CANCEL_PENDING", "CANCELLED")


def test_what_was_sent_is_shown_after_a_deferral(run: Any, cluster: str) -> None:
    properties = run(on(cluster, "echo", "1"))
    sent, task = run.task.request, run.task

    shown = task.described_request(properties, ["JobFlowId", "Steps", "ExecutionRoleArn"])

    assert shown["JobFlowId"] == sent["JobFlowId"]
    assert shown["Steps"][0]["Name"] == sent["Steps"][0]["Name"]
    assert shown["Steps"][0]["HadoopJarStep"]["Args"] == ["echo", "1"]


def test_the_cluster_is_what_the_console_link_opens(run: Any, cluster: str, context: Any) -> None:
    run(on(cluster, "true"))

    record = context["task_state_store"].get(RECORD_KEY)
    assert record["partition"] == "", "behind a custom endpoint there is no console"
    assert AwsPlace("eu-west-1", "aws").page_url(EMR_STEP, record["reference"]) == (
        f"https://eu-west-1.console.aws.amazon.com/emr/home?region=eu-west-1#/clusterDetails/{cluster}"
    )


def test_the_step_of_a_task_that_is_over_is_an_orphan(
    run: Any, aws: LocalAws, emr: Any, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(aws, "AddJobFlowSteps", "drop_after")
    with pytest.raises(StepFailedError):
        run(on(cluster, "sleep", "60"))
    asked: list[str] = []

    def facts(owner: Any, name: str) -> tuple[str, str]:
        asked.append(name)
        return "failed", name

    monkeypatch.setattr(orphans, "RESOURCE_KINDS", {"emr-step": orphans.RESOURCE_KINDS["emr-step"]})
    monkeypatch.setattr(orphans, "_BEFORE_ASKING_AGAIN", 0.0)
    deployment = Deployment(INSTALLATION, INSTALLATION)

    [orphan] = orphans.find_orphans(AwsConnection(), deployment, facts, Sweep(print, print))

    assert orphan.name == f"{cluster}/{asked[0]}"
    assert asked == [asked[0]] * 2
    assert orphan.owner.task_id == "Work"
    assert orphans.stop_orphan(AwsConnection(), orphan)
    assert steps_of(emr, cluster)[0]["Status"]["State"] in ("CANCEL_PENDING", "CANCELLED")


# -- with a cluster of its own -------------------------------------------------------------------------------------


def own(*words: str, **config: Any) -> dict[str, Any]:
    cluster = {"ReleaseLabel": "emr-7.0.0", "Instances": {"InstanceCount": "2"}, **config}
    return {"ClusterConfig": cluster, "StepConfig": step_config(*words)}


def clusters(emr: Any, *states: str) -> list[dict[str, Any]]:
    found = emr.list_clusters(**({"ClusterStates": list(states)} if states else {}))["Clusters"]
    described = [emr.describe_cluster(ClusterId=one["Id"])["Cluster"] for one in found]
    return [one for one in described if one["Name"].startswith("pipelines-")]


LIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING")


def test_a_cluster_of_its_own_is_named_tagged_and_ends_with_its_step(run: Any, emr: Any) -> None:
    properties = run(own("true", Tags=[{"Key": "team", "Value": "ml"}]))

    [cluster] = [one for one in clusters(emr) if one["Id"] == properties["ClusterId"]]
    assert cluster["Status"]["State"] == "TERMINATED"
    assert cluster["AutoTerminate"] is True
    assert {tag["Key"] for tag in cluster["Tags"]} > {"team", "sm-pipelines:task"}
    assert properties["Config"]["Args"] == ["true"]
    assert properties["Status"]["State"] == "COMPLETED"
    [step] = steps_of(emr, properties["ClusterId"])
    assert step["Name"] == cluster["Name"]
    assert step["ActionOnFailure"] == "TERMINATE_CLUSTER"


def test_the_failure_of_its_step_is_the_reason_not_that_of_the_cluster(run: Any, emr: Any) -> None:
    with pytest.raises(StepFailedError, match=r"ended FAILED: command-runner.jar ended with exit code 2"):
        run(own("bash", "-c", "exit 2"))

    assert clusters(emr, *LIVE) == []


def test_a_cluster_that_does_not_come_to_its_step_says_why(run: Any, emr: Any) -> None:
    bootstrap = [{"Name": "b", "ScriptBootstrapAction": {"Path": "s3://b/install.sh"}}]

    with pytest.raises(StepFailedError, match="runs no bootstrap actions"):
        run(own("true", BootstrapActions=bootstrap))


def test_a_cluster_whose_answer_was_lost_is_found_by_its_name(run: Any, aws: LocalAws, emr: Any) -> None:
    fault(aws, "RunJobFlow", "drop_after")
    before = len(clusters(emr))
    with pytest.raises(StepFailedError, match="AWS did not answer RunJobFlow"):
        run(own("true"))

    run(own("true"))

    assert len(clusters(emr)) == before + 1


def test_a_cluster_longer_than_its_execution_timeout_is_terminated(run: Any, emr: Any) -> None:
    with pytest.raises(StepTimeoutError):
        run(own("sleep", "60"), overrides={"Work": {"execution_timeout": timedelta(seconds=1)}})

    assert [one["Status"]["State"] for one in clusters(emr, *LIVE)] in ([], ["TERMINATING"])


def test_a_cluster_that_somebody_terminates_is_stopped_not_failed(run: Any, emr: Any, aws: LocalAws) -> None:
    fault(aws, "RunJobFlow", "drop_after")
    with pytest.raises(StepFailedError):
        run(own("sleep", "60"))
    [cluster] = clusters(emr, *LIVE)
    emr.terminate_job_flows(JobFlowIds=[cluster["Id"]])

    with pytest.raises(StepFailedError, match="ended CANCELLED with its cluster TERMINATED: USER_REQUEST"):
        run(own("sleep", "60"))
