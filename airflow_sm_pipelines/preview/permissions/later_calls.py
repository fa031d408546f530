"""The calls that a step makes after those that start its work: to follow, stop and find what it has created.

`airflow_sm_pipelines.preview.planned_calls` tells those that start it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from airflow_sm_pipelines.aws.kinds import ResourceKind

_FIND = "find running jobs that no live task owns (stop-orphans, the maintenance DAG)"
_NOT_FOUND = "a job that is left over after a lost task keeps running"
_SUFFIX_OF_COMPONENTS = "-aws-training-job"


class LaterCall(NamedTuple):
    """A call that may be made after the step's work has started.

    Attributes:
        operation: Name of the operation.
        reason: What it is for, as the end of a sentence that begins with "to".
        without: What happens without it, if the step runs all the same.
    """

    operation: str
    reason: str
    without: str = ""


_STOP = "stop it when its task is cleared, killed or marked"
_STOPPED_NOT = "it runs on although nobody waits for it"

_OF_KIND: Mapping[str, tuple[LaterCall, ...]] = {
    "tuning-job": (
        LaterCall(
            "ListTrainingJobsForHyperParameterTuningJob", "read the results of its training jobs, and why they failed"
        ),
    ),
    "endpoint": (
        LaterCall("UpdateEndpoint", "update the endpoint if it exists"),
        LaterCall("DescribeEndpointConfig", "see whether the endpoint serves this configuration already"),
        LaterCall("ListTags", "see whether this task has created an endpoint that failed", "a retry cannot repair it"),
        LaterCall("DeleteEndpoint", "delete an endpoint that this task could not bring into service", "the same"),
    ),
    "inference-component": (
        LaterCall("UpdateInferenceComponent", "update the component if it exists"),
        LaterCall("ListTags", "see whether this task has created a component that failed", "a retry cannot repair it"),
        LaterCall("DeleteInferenceComponent", "delete a component that could not be brought into service", "the same"),
    ),
    "emr-step": (LaterCall("ListClusters", _FIND, _NOT_FOUND),),
    "emr-cluster": (LaterCall("ListSteps", "see how its step ended"),),
    "emr-serverless-job": (
        LaterCall("ListApplications", _FIND, _NOT_FOUND),
        LaterCall("ListTagsForResource", "see whose job it is (stop-orphans)", _NOT_FOUND),
    ),
    "emr-serverless-application": (
        LaterCall("GetApplication", "wait until its application is ready"),
        LaterCall("StopApplication", "stop its application when the job has ended"),
        LaterCall("DeleteApplication", "delete its application when the job has ended"),
        LaterCall("ListApplications", "find its application if the answer of CreateApplication was lost"),
        LaterCall("ListTagsForResource", "see whose application it is (stop-orphans)", _NOT_FOUND),
    ),
}
"""Key of a kind -> what it needs beside the four operations of its row."""

_FINDS_BY_LIST = {"emr-step": "find its step if the answer of AddJobFlowSteps was lost"}
_TAGGED_BY_DESCRIBE = frozenset({"emr"})


def calls_on(kind: ResourceKind) -> Iterator[LaterCall]:
    """Yield the calls on a resource that a step has created.

    Args:
        kind: The row of the resource.
    """
    yield LaterCall(kind.describe, f"follow the {kind.noun} and read the step's properties")
    if kind.stop:
        yield LaterCall(kind.stop, _STOP, _STOPPED_NOT)
    if kind.list:
        watch = "watch many with one call" if kind.newest_first else "find it if the answer of its creation was lost"
        slower = "each is described by itself" if kind.newest_first else ""
        found = _FINDS_BY_LIST.get(kind.key)
        yield LaterCall(kind.list, found or f"{watch}; {_FIND}", "" if found else slower)
        if kind.service == "sagemaker":
            yield LaterCall("ListTags", "see whose job it is (stop-orphans)", _NOT_FOUND)
    yield from _OF_KIND.get(kind.key, ())


def training_component(job_name: str) -> str:
    """Return the pattern of the trial components of a tuning job's training jobs, whose names begin with its own."""
    return f"{job_name.rstrip('*')}*{_SUFFIX_OF_COMPONENTS}".replace("**", "*")


ONLY_IF_THERE: Mapping[str, tuple[LaterCall, ...]] = {
    "CreateAction": (
        LaterCall("DescribeAction", "find the action if it exists"),
        LaterCall("UpdateAction", "update the action if it exists"),
    ),
    "CreateArtifact": (
        LaterCall("ListArtifacts", "find the artifact if it exists"),
        LaterCall("UpdateArtifact", "update the artifact if it exists"),
    ),
    "CreateContext": (
        LaterCall("DescribeContext", "find the context if it exists"),
        LaterCall("UpdateContext", "update the context if it exists"),
    ),
    "CreateEndpointConfig": (LaterCall("DescribeEndpointConfig", "compare it if the name is taken"),),
}
"""Operation of a call that starts the work -> the calls that are made if what it creates is there."""
