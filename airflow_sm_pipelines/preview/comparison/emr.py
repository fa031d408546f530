"""What EMR and EMR Serverless keep of the work that a step has given them, beside what we would have given them.

Both tell it in another form than they take it, so both sides are brought into one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import Body, call

if TYPE_CHECKING:
    from botocore.client import BaseClient


@dataclass(frozen=True, slots=True)
class KeptWork:
    """Where a service keeps the work of a step.

    Attributes:
        service: boto3's name of the service.
        describe: The operation that tells it.
        ids: Members of that request -> members of the step's metadata in the execution.
        theirs: Returns what was asked for, from the answer.
        ours: Returns the same from our request.
        place: What the work runs on, with its article.
        creates_place: The operation that creates it, if it is the step's own.
    """

    service: str
    describe: str
    ids: Mapping[str, str]
    theirs: Callable[[Body], Body]
    ours: Callable[[Body], Body]
    place: str
    creates_place: str

    def described(self, results: Mapping[str, Any], client: Callable[[str], BaseClient]) -> Body | None:
        """Return what was asked for; ``None`` if the execution does not tell where it is.

        Args:
            results: The step's metadata in the execution.
            client: Returns a boto3 client of a service.

        Raises:
            AwsCallError: The call failed.
        """
        request = {member: str(results.get(told) or "") for member, told in self.ids.items()}
        return self.theirs(call(client(self.service), self.describe, request)) if all(request.values()) else None


def _described_step(answer: Body) -> Body:
    """DescribeStep (EMR API reference). A definition does not say ``ActionOnFailure``, so it is not compared."""
    return dict(answer["Step"]["Config"])


def _added_step(request: Body) -> Body:
    """AddJobFlowSteps or RunJobFlow: properties are a list there, and a map in the answer above."""
    [step] = request["Steps"]
    config = dict(step["HadoopJarStep"])
    if "Properties" in config:
        config["Properties"] = {one["Key"]: one.get("Value") for one in config["Properties"]}
    return config


_JOB_RUN_MEMBERS = ("jobDriver", "configurationOverrides", "executionTimeoutMinutes", "mode", "retryPolicy")


def _described_run(answer: Body) -> Body:
    """GetJobRun (EMR Serverless API reference)."""
    run = answer["jobRun"]
    told = {member: run[member] for member in _JOB_RUN_MEMBERS if member in run}
    return {"executionRoleArn": run["executionRole"], **told}


def _started_run(request: Body) -> Body:
    """StartJobRun."""
    return {member: request[member] for member in ("executionRoleArn", *_JOB_RUN_MEMBERS) if member in request}


EMR_WORK: Mapping[str, KeptWork] = {
    "EMR": KeptWork(
        service="emr",
        describe="DescribeStep",
        ids={"ClusterId": "ClusterId", "StepId": "StepId"},
        theirs=_described_step,
        ours=_added_step,
        place="a cluster",
        creates_place="RunJobFlow",
    ),
    "EMRServerless": KeptWork(
        service="emr-serverless",
        describe="GetJobRun",
        ids={"applicationId": "ApplicationId", "jobRunId": "JobRunId"},
        theirs=_described_run,
        ours=_started_run,
        place="an application",
        creates_place="CreateApplication",
    ),
}
"""Step type -> where its work is kept."""
