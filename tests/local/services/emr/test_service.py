"""EMR of the local AWS: clusters, steps that really run, and what each of them does when one fails."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

BUCKET = "test-bucket"
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
OWNER = "(here|dag|run|{step}|-1)"


@pytest.fixture
def emr(bench: Any) -> Any:
    return bench.client("emr")


@pytest.fixture
def start(emr: Any) -> Iterator[Callable[..., str]]:
    """Starts clusters that wait for steps."""
    started = []

    def run(**request: Any) -> str:
        instances = {"KeepJobFlowAliveWhenNoSteps": True, **request.pop("Instances", {})}
        started.append(emr.run_job_flow(**{"Name": "c", "Instances": instances, **request})["JobFlowId"])
        return str(started[-1])

    yield run
    emr.terminate_job_flows(JobFlowIds=started)


def command(*words: str, action: str = "CONTINUE", jar: str = "command-runner.jar", name: str = "x") -> dict[str, Any]:
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": {"Jar": jar, "Args": list(words)}}


def add(emr: Any, cluster: str, *steps: dict[str, Any], **members: Any) -> list[str]:
    ids: list[str] = emr.add_job_flow_steps(JobFlowId=cluster, Steps=list(steps), **members)["StepIds"]
    return ids


def finish(emr: Any, cluster: str, step: str, states: tuple[str, ...] = ENDED) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while True:
        found: dict[str, Any] = emr.describe_step(ClusterId=cluster, StepId=step)["Step"]
        if found["Status"]["State"] in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.03)


def ended(emr: Any, cluster: str) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while True:
        status: dict[str, Any] = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        if status["State"].startswith("TERMINATED"):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.03)


def refusal(caught: Any) -> tuple[str, str]:
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_command_runs_without_a_shell(emr: Any, start: Any, bench: Any) -> None:
    cluster = start(LogUri=f"s3://{BUCKET}/logs/")
    [step] = add(emr, cluster, command("printf", "%s\n", "$HOME; `id` {{ x }}"))

    assert finish(emr, cluster, step)["Status"]["State"] == "COMPLETED"

    key = f"logs/{cluster}/steps/{step}/stdout.gz"
    body = bench.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert gzip.decompress(body) == b"$HOME; `id` {{ x }}\n"


def test_a_command_has_this_awss_variables(emr: Any, start: Any, bench: Any) -> None:
    cluster = start()
    code = "import boto3; boto3.client('s3').put_object(Bucket='test-bucket', Key='from-a-step', Body=b'x')"
    [step] = add(emr, cluster, command("python3", "-c", code))

    assert finish(emr, cluster, step)["Status"]["State"] == "COMPLETED"
    assert bench.objects("from-a-step") == {"": "x"}


def test_a_failed_command_says_why_and_where_its_log_is(emr: Any, start: Any) -> None:
    cluster = start(LogUri=f"s3://{BUCKET}/logs")
    [step] = add(emr, cluster, command("bash", "-c", "echo one; echo two >&2; exit 3"))

    details = finish(emr, cluster, step)["Status"]["FailureDetails"]

    assert details == {
        "Reason": "command-runner.jar ended with exit code 3; its last output: one / two",
        "LogFile": f"s3://{BUCKET}/logs/{cluster}/steps/{step}/stdout.gz",
    }
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING"


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (command("no-such-program"), "no-such-program is not installed on this machine"),
        (command("spark-submit", "s3://b/x.py"), "spark-submit is not installed on this machine"),
        (command("x", jar="s3://b/mine.jar"), "has no Hadoop to run s3://b/mine.jar with"),
        (command(), "command-runner.jar needs Args"),
        (command("s3://test-bucket/none.sh", jar="script-runner.jar"), "no S3 objects found under"),
    ],
)
def test_what_cannot_run_here_fails_with_that_reason(emr: Any, start: Any, step: Any, reason: str) -> None:
    cluster = start()
    [name] = add(emr, cluster, step)

    assert reason in finish(emr, cluster, name)["Status"]["FailureDetails"]["Reason"]


def test_a_script_comes_from_s3_and_runs_with_its_arguments(emr: Any, start: Any, bench: Any) -> None:
    bench.put("code/report.sh", "#!/bin/bash\n[ \"$1\" = 'a b' ]\n")
    cluster = start()
    jar = "s3://us-west-2.elasticmapreduce/libs/script-runner/script-runner.jar"
    [good, bad] = add(
        emr,
        cluster,
        command(f"s3://{BUCKET}/code/report.sh", "a b", jar=jar),
        command(f"s3://{BUCKET}/code/report.sh", "c", jar=jar),
    )

    assert finish(emr, cluster, good)["Status"]["State"] == "COMPLETED"
    assert finish(emr, cluster, bad)["Status"]["State"] == "FAILED"


def test_a_description_repeats_what_was_asked_for(emr: Any, start: Any) -> None:
    role = "arn:aws:iam::123456789012:role/EmrRuntimeRole"
    cluster = start(ReleaseLabel="emr-7.0.0", Tags=[{"Key": "a", "Value": "b"}], Instances={"InstanceCount": 1})
    step = {**command("true"), "Name": "mine"}
    step["HadoopJarStep"]["Properties"] = [{"Key": "k", "Value": "v"}]
    [name] = add(emr, cluster, step, ExecutionRoleArn=role)

    found = finish(emr, cluster, name)

    assert found["Name"] == "mine"
    assert found["ExecutionRoleArn"] == role
    assert found["Config"] == {"Jar": "command-runner.jar", "Properties": {"k": "v"}, "Args": ["true"]}
    described = emr.describe_cluster(ClusterId=cluster)["Cluster"]
    assert described["ReleaseLabel"] == "emr-7.0.0"
    assert described["AutoTerminate"] is False
    assert described["Tags"] == [{"Key": "a", "Value": "b"}]


def test_steps_run_one_after_the_other_unless_the_cluster_says_otherwise(emr: Any, start: Any) -> None:
    for level, running in ((1, 1), (2, 2)):
        cluster = start(StepConcurrencyLevel=level)
        add(emr, cluster, *[command("sleep", "20")] * 3)
        states = [step["Status"]["State"] for step in emr.list_steps(ClusterId=cluster)["Steps"]]
        assert states.count("RUNNING") == running
        assert states.count("PENDING") == 3 - running


def test_cancelling_a_pending_and_a_running_step(emr: Any, start: Any) -> None:
    cluster = start()
    running, pending = add(emr, cluster, command("sleep", "60"), command("true"))
    finish(emr, cluster, running, ("RUNNING",))

    answer = emr.cancel_steps(ClusterId=cluster, StepIds=[pending, running])["CancelStepsInfoList"]

    assert [one["Status"] for one in answer] == ["SUBMITTED", "SUBMITTED"]
    assert finish(emr, cluster, running)["Status"]["State"] == "CANCELLED"
    assert finish(emr, cluster, pending)["Status"]["State"] == "CANCELLED"
    [again] = emr.cancel_steps(ClusterId=cluster, StepIds=[running])["CancelStepsInfoList"]
    assert again["Status"] == "FAILED"


@pytest.mark.parametrize(
    ("action", "second", "cluster_state"),
    [("CONTINUE", "COMPLETED", "WAITING"), ("CANCEL_AND_WAIT", "CANCELLED", "WAITING")],
)
def test_what_a_failed_step_means_for_the_next(
    emr: Any, start: Any, action: str, second: str, cluster_state: str
) -> None:
    cluster = start()
    _, after = add(emr, cluster, command("false", action=action), command("true"))

    assert finish(emr, cluster, after)["Status"]["State"] == second
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == cluster_state


def test_a_failed_step_that_terminates_its_cluster_stops_the_others(emr: Any, start: Any) -> None:
    cluster = start(StepConcurrencyLevel=2)
    other, _, pending = add(
        emr, cluster, command("sleep", "60"), command("false", action="TERMINATE_CLUSTER"), command("true")
    )

    status = ended(emr, cluster)

    assert status["State"] == "TERMINATED_WITH_ERRORS"
    assert status["StateChangeReason"] == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert finish(emr, cluster, other)["Status"]["State"] == "CANCELLED"
    assert finish(emr, cluster, pending)["Status"]["State"] == "CANCELLED"


def test_a_cluster_that_is_not_kept_alive_ends_with_its_steps(emr: Any) -> None:
    cluster = emr.run_job_flow(Name="c", Instances={}, Steps=[command("true"), command("true")])["JobFlowId"]

    assert ended(emr, cluster)["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["Timeline"]["EndDateTime"]


def test_a_cluster_without_steps_that_is_not_kept_alive_ends_at_once(emr: Any) -> None:
    assert ended(emr, emr.run_job_flow(Name="c", Instances={})["JobFlowId"])["State"] == "TERMINATED"


def test_terminating_stops_what_runs(emr: Any, start: Any) -> None:
    cluster = start()
    [step] = add(emr, cluster, command("sleep", "60"))
    finish(emr, cluster, step, ("RUNNING",))

    emr.terminate_job_flows(JobFlowIds=[cluster])

    assert ended(emr, cluster)["StateChangeReason"]["Code"] == "USER_REQUEST"
    assert finish(emr, cluster, step)["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError) as caught:
        add(emr, cluster, command("true"))
    assert refusal(caught) == (
        "ValidationException",
        "A job flow that is shutting down, terminated, or finished may not be modified",
    )


def test_a_protected_cluster_is_not_terminated(emr: Any) -> None:
    request = {"KeepJobFlowAliveWhenNoSteps": True, "TerminationProtected": True}
    cluster = emr.run_job_flow(Name="c", Instances=request)["JobFlowId"]

    with pytest.raises(ClientError) as caught:
        emr.terminate_job_flows(JobFlowIds=[cluster])

    assert "termination protected" in refusal(caught)[1]


def test_a_cluster_takes_256_active_steps(emr: Any, start: Any) -> None:
    cluster = start()
    add(emr, cluster, *[command("sleep", "60")] * 256)

    with pytest.raises(ClientError) as caught:
        add(emr, cluster, command("true"))

    assert refusal(caught)[0] == "ValidationException"
    assert "Maximum number of active steps" in refusal(caught)[1]


def test_lists_come_in_pages_the_newest_first(emr: Any, start: Any) -> None:
    cluster = start()
    ids = add(emr, cluster, *[command("sleep", "60")] * 120)

    pages = list(emr.get_paginator("list_steps").paginate(ClusterId=cluster))

    assert [len(page["Steps"]) for page in pages] == [50, 50, 20]
    assert [step["Id"] for page in pages for step in page["Steps"]] == ids[::-1]
    [only] = emr.list_steps(ClusterId=cluster, StepIds=[ids[3]])["Steps"]
    assert only["Id"] == ids[3]
    assert len(emr.list_steps(ClusterId=cluster, StepStates=["RUNNING"])["Steps"]) == 1


def test_clusters_are_listed_by_state_and_time(emr: Any, start: Any) -> None:
    cluster = start()
    created = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["Timeline"]["CreationDateTime"]

    assert cluster in [one["Id"] for one in emr.list_clusters(ClusterStates=["WAITING"])["Clusters"]]
    assert cluster not in [one["Id"] for one in emr.list_clusters(ClusterStates=["RUNNING"])["Clusters"]]
    # A second: requests hold whole ones, and answers are rounded.
    earlier = emr.list_clusters(CreatedBefore=created - timedelta(seconds=1))["Clusters"]
    assert cluster not in [one["Id"] for one in earlier]


def test_tags_are_added_and_removed(emr: Any, start: Any) -> None:
    cluster = start(Tags=[{"Key": "a", "Value": "1"}])
    emr.add_tags(ResourceId=cluster, Tags=[{"Key": "b", "Value": "2"}])
    emr.remove_tags(ResourceId=cluster, TagKeys=["a"])

    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Tags"] == [{"Key": "b", "Value": "2"}]


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            lambda emr: emr.describe_cluster(ClusterId="j-X"),
            "InvalidRequestException",
            "Cluster id 'j-X' is not valid.",
        ),
        (lambda emr: add(emr, "j-X", command("true")), "ValidationException", "Specified job flow ID not valid"),
        (
            lambda emr: emr.terminate_job_flows(JobFlowIds=["j-X"]),
            "ValidationException",
            "Specified job flow ID not valid",
        ),
    ],
)
def test_an_unknown_cluster_is_refused(emr: Any, call: Any, code: str, message: str) -> None:
    with pytest.raises(ClientError) as caught:
        call(emr)
    assert refusal(caught) == (code, message)


def test_an_unknown_step_is_refused(emr: Any, start: Any) -> None:
    with pytest.raises(ClientError) as caught:
        emr.describe_step(ClusterId=start(), StepId="s-X")
    assert refusal(caught) == ("InvalidRequestException", "Step id 's-X' is not valid.")


def test_fault_rules_reach_steps(emr: Any, start: Any, bench: Any) -> None:
    cluster = start()
    rule = {"service": "elasticmapreduce", "operation": "AddJobFlowSteps", "action": "job_fail", "reason": "no luck"}
    bench.control("POST", "faults", rule)

    [step] = add(emr, cluster, command("true"))

    bench.control("DELETE", "faults")
    assert finish(emr, cluster, step)["Status"]["FailureDetails"]["Reason"] == "no luck"


def test_a_rehearsal_accepts_any_cluster_and_its_steps_end_as_they_are_told(open_workbench: Any) -> None:
    outcomes = {"Bad": Outcome(failure_reason="as told"), "Gone": Outcome(stopped=True)}
    with open_workbench(stand_in=Rehearsal(outcomes=outcomes, job_seconds=0.05)) as bench:
        emr = bench.client("emr")
        names = [f"pipelines-x {OWNER.format(step=step)}" for step in ("Good", "Bad", "Gone")]
        ids = add(emr, "j-SOMEWHERE", *(command("spark-submit", "s3://b/x.py", name=name) for name in names))
        states = [finish(emr, "j-SOMEWHERE", step)["Status"]["State"] for step in ids]
        assert states == ["COMPLETED", "FAILED", "CANCELLED"]
        assert emr.describe_cluster(ClusterId="j-ELSEWHERE")["Cluster"]["Status"]["State"] == "WAITING"
        tags = [{"Key": "sm-pipelines:task", "Value": "Bad"}]
        cluster = emr.run_job_flow(
            Name="c", Instances={}, Steps=[command("true", action="TERMINATE_CLUSTER")], Tags=tags
        )["JobFlowId"]
        assert ended(emr, cluster)["State"] == "TERMINATED_WITH_ERRORS"
