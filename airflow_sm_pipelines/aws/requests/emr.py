"""From the Arguments of EMR and EMRServerless steps to the requests that are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sm_pipelines.aws.requests.tags import owner_text

_STEP_NAME_LIMIT = 256
_JOB_RUN_NAME_LIMIT = 256
_APPLICATION_NAME_LIMIT = 64

Tags = Sequence[Mapping[str, str]]


def step_request(arguments: Mapping[str, Any], attempt: str, tags: Tags) -> dict[str, Any]:
    """Return the AddJobFlowSteps request of a step on a running cluster.

    A failed step lets the cluster and its other steps go on (*assumed*).

    Args:
        arguments: Arguments of the step: ``ClusterId``, ``StepConfig``, perhaps ``ExecutionRoleArn``.
        attempt: Name of the attempt.
        tags: The owner's tags.
    """
    role = arguments.get("ExecutionRoleArn")
    return {
        "JobFlowId": arguments["ClusterId"],
        "Steps": [{"ActionOnFailure": "CONTINUE", **arguments["StepConfig"], "Name": step_name(attempt, tags)}],
        **({"ExecutionRoleArn": role} if role else {}),
    }


def step_name(attempt: str, tags: Tags) -> str:
    """Return the name of an attempt's step: the attempt's, then its owner, so that the console tells whose it is.

    Args:
        attempt: Name of the attempt.
        tags: The owner's tags.

    Returns:
        The name, at most 256 characters. An owner that does not fit is left out: such a step can be adopted and
        stopped by its task, but not recognized by `stop-orphans`.
    """
    named = f"{attempt} ({owner_text(tags)})"
    return named if len(named) <= _STEP_NAME_LIMIT else attempt


def cluster_request(arguments: Mapping[str, Any], attempt: str, tags: Tags) -> dict[str, Any]:
    """Return the RunJobFlow request of a cluster that lives for its one step.

    Args:
        arguments: Arguments of the step: ``ClusterConfig`` and ``StepConfig``.
        attempt: Name of the attempt.
        tags: The owner's tags.
    """
    config = arguments["ClusterConfig"]
    return {
        **config,
        "Name": attempt,
        "Instances": {**(config.get("Instances") or {}), "KeepJobFlowAliveWhenNoSteps": False},
        "Steps": [{**arguments["StepConfig"], "Name": attempt, "ActionOnFailure": "TERMINATE_CLUSTER"}],
        "Tags": [*(config.get("Tags") or []), *tags],
    }


def application_request(config: Mapping[str, Any], attempt: str, tags: Tags) -> dict[str, Any]:
    """Return the CreateApplication request of an attempt; asking twice makes one application.

    Args:
        config: ``ApplicationConfig`` of the step.
        attempt: Name of the attempt; the application is named after it, behind what fits of its name in ``config``.
        tags: The owner's tags.
    """
    room, given = _APPLICATION_NAME_LIMIT - len(attempt) - 1, str(config.get("name") or "")
    return {
        **config,
        "name": f"{given[:room]}/{attempt}" if given and room > 0 else attempt,
        "clientToken": attempt,
        "tags": {**(config.get("tags") or {}), **_tag_map(tags)},
    }


def job_run_request(arguments: Mapping[str, Any], application: str, attempt: str, tags: Tags) -> dict[str, Any]:
    """Return the StartJobRun request of a step; asking twice starts one run.

    Args:
        arguments: Arguments of the step: ``JobConfig`` and perhaps ``ExecutionRoleArn``.
        application: Id of the application.
        attempt: Name of the attempt; the run is named after it, behind its name in the ``JobConfig``.
        tags: The owner's tags.
    """
    config = arguments["JobConfig"]
    given = str(config.get("name") or "")
    return {
        **config,
        "applicationId": application,
        "executionRoleArn": config.get("executionRoleArn") or arguments.get("ExecutionRoleArn"),
        "clientToken": attempt,
        "name": f"{given[: _JOB_RUN_NAME_LIMIT - len(attempt) - 1]} {attempt}" if given else attempt,
        "tags": {**(config.get("tags") or {}), **_tag_map(tags)},
    }


def _tag_map(tags: Tags) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
