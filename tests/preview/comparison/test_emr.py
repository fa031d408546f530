"""Steps of EMR and EMR Serverless: what the service keeps of their work, and what we would have sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.preview.comparison.execution import StepComparison, Verdict
from tests.preview.comparison import test_execution

CONFIG = {
    "Jar": "command-runner.jar",
    "Args": ["spark-submit", {"Get": "Parameters.N"}],
    "MainClass": "com.example.Main",
    "Properties": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
}
DESCRIBED = {
    "Name": "made by the service",
    "ActionOnFailure": "CONTINUE",
    "Config": {
        "Jar": "command-runner.jar",
        "Args": ["spark-submit", "3"],
        "MainClass": "com.example.Main",
        "Properties": {"b": "2", "a": "1"},
    },
}
ROLE = "arn:aws:iam::123456789012:role/Job"
DRIVER = {"sparkSubmit": {"entryPoint": "s3://b/job.py", "entryPointArguments": ["--n", "3"]}}
JOB_RUN = {
    "applicationId": "00app",
    "jobRunId": "00run",
    "executionRole": ROLE,
    "executionTimeoutMinutes": 720,
    "mode": "BATCH",
    "retryPolicy": {"maxAttempts": 1},
    "jobDriver": DRIVER,
    "state": "SUCCESS",
}


class FakeClient(test_execution.FakeClient):
    """The answers of EMR, too."""

    def describe_step(self, ClusterId: str, StepId: str) -> Any:  # noqa: N803 - boto3's own names
        assert (ClusterId, StepId) == ("j-1", "s-1")
        return {"Step": self.descriptions["step"]}

    def get_job_run(self, applicationId: str, jobRunId: str) -> Any:  # noqa: N803 - boto3's own names
        assert (applicationId, jobRunId) == ("00app", "00run")
        return {"jobRun": self.descriptions["run"]}


@pytest.fixture(autouse=True)
def _client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_execution, "FakeClient", FakeClient)


def on_emr(load: Any, step: Any, described: Any, /, **arguments: Any) -> StepComparison:
    given = {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": CONFIG}, **arguments}
    given = {name: value for name, value in given.items() if value is not None}
    parameters = [{"Name": "N", "Type": "Integer", "DefaultValue": 1}]
    listed = test_execution.listed("A", "EMR", ClusterId="j-1", StepId="s-1")
    pipeline = load({**step("A", "EMR"), "Arguments": given}, Parameters=parameters)
    return test_execution.compared(pipeline, listed, step=described)["A"]


def on_serverless(load: Any, step: Any, described: Any, /, **arguments: Any) -> StepComparison:
    job = {"executionRoleArn": ROLE, "jobDriver": DRIVER}
    given = {"ApplicationId": "00app", "ExecutionRoleArn": ROLE, "JobConfig": job, **arguments}
    given = {name: value for name, value in given.items() if value is not None}
    listed = test_execution.listed("A", "EMRServerless", ApplicationId="00app", JobRunId="00run")
    return test_execution.compared(load(step("A", "EMRServerless", given)), listed, run=described)["A"]


def test_the_work_of_a_step_is_identical_although_emr_tells_its_properties_as_a_map(load: Any, step: Any) -> None:
    found = on_emr(load, step, DESCRIBED)
    assert (found.verdict, found.because, found.failure) == (Verdict.IDENTICAL, "", "")


def test_another_argument_of_a_step_is_told_at_its_place(load: Any, step: Any) -> None:
    config = {**DESCRIBED["Config"], "Args": ["spark-submit", "4"]}  # type: ignore[dict-item]
    found = on_emr(load, step, {**DESCRIBED, "Config": config})
    assert found.verdict is Verdict.DIFFERENT
    assert [change.in_words() for change in found.request.differences] == ['Args[1]: "4" -> "3"']


def test_a_cluster_of_its_own_is_not_compared(load: Any, step: Any) -> None:
    cluster = {
        "Instances": {"InstanceGroups": [{"InstanceRole": "MASTER", "InstanceCount": 1, "InstanceType": "m5.xlarge"}]}
    }
    found = on_emr(load, step, DESCRIBED, ClusterId=None, ClusterConfig=cluster)
    assert found.verdict is Verdict.IN_PART
    assert found.because == "compared by its work: AWS tells a cluster of its own in another form"
    assert found.request.differences == ()


def test_a_job_run_is_identical_but_for_the_defaults_of_the_service(load: Any, step: Any) -> None:
    found = on_serverless(load, step, JOB_RUN)
    assert (found.verdict, found.failure) == (Verdict.IDENTICAL, "")
    assert found.request.left_out == {"default": 3}


def test_another_role_of_a_job_run_is_told(load: Any, step: Any) -> None:
    found = on_serverless(load, step, {**JOB_RUN, "executionRole": f"{ROLE}2"})
    assert [change.path for change in found.request.differences] == [("executionRoleArn",)]


def test_an_execution_that_does_not_tell_the_step_says_so(load: Any, step: Any) -> None:
    given = {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "x.jar"}}}
    found = test_execution.compared(load(step("A", "EMR", given)), test_execution.listed("A", "EMR"))["A"]
    assert found.verdict is Verdict.UNREADABLE
    assert found.because == "the step is Succeeded, and does not tell where its work is"


def test_a_cached_step_is_not_compared(load: Any, step: Any) -> None:
    given = {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "x.jar"}}}
    earlier = {"CacheHitResult": {"SourcePipelineExecutionArn": test_execution.ARN}}
    listed = {**test_execution.listed("A", "EMR", ClusterId="j-1", StepId="s-1"), **earlier}
    assert test_execution.compared(load(step("A", "EMR", given)), listed)["A"].verdict is Verdict.NOT_KEPT
