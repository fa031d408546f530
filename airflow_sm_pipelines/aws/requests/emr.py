"""The calls that start the work of EMR and EMRServerless steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.kinds.emr import EMR_CLUSTER, LIVE_CLUSTER_STATES
from airflow_sm_pipelines.aws.requests.jobs import creation, named_request
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart
from airflow_sm_pipelines.aws.requests.tags import owner_text, with_tag_map, with_tags
from airflow_sm_pipelines.errors import StepFailedError, UnfitRequestError

_STEP_NAME_LIMIT = 256
_JOB_RUN_NAME_LIMIT = 256
_APPLICATION_NAME_LIMIT = 64

Tags = Sequence[dict[str, str]]


def emr_calls(start: StepStart) -> Calls[AwsCall]:
    """Add a step to a running cluster, or start a cluster that lives for this one step.

    Raises:
        StepFailedError: The state of the cluster does not allow new steps.
        UnfitRequestError: A member of the Arguments is not an object.
    """
    request = _with_known_objects(start, (yield from named_request(start)))
    if start.kind is EMR_CLUSTER:
        return creation(start, cluster_request(request, request["Name"], request["Tags"]))
    yield from _require_live(start, request["ClusterId"])
    return creation(start, step_request(request, request["Name"], request["Tags"]))


def _require_live(start: StepStart, cluster: str) -> Calls[None]:
    """Make sure that the cluster accepts steps (developer guide, "EMR step"): EMR's own refusal is less clear."""
    purpose = f"describe cluster {cluster}"
    answer = yield AwsCall("emr", "DescribeCluster", {"ClusterId": cluster}, purpose)
    status = answer["Cluster"]["Status"]
    if status["State"] not in LIVE_CLUSTER_STATES:
        why = status.get("StateChangeReason", {}).get("Message", "")
        message = f"cluster {cluster} is {status['State']}{f' ({why})' if why else ''}, and accepts no steps"
        hint = f"a step needs a cluster that is {', '.join(LIVE_CLUSTER_STATES)}"
        raise StepFailedError(start.step, f"{message}; {hint}")


def emr_serverless_calls(start: StepStart) -> Calls[AwsCall]:
    """Start a job run, in an application that is created first unless the step names one.

    Raises:
        UnfitRequestError: A member of the Arguments is not an object.
    """
    request = _with_known_objects(start, (yield from named_request(start)))
    is_new = "ApplicationConfig" in request
    application = (yield from _application(request)) if is_new else request["ApplicationId"]
    return creation(start, job_run_request(request, application, request["clientToken"], request["Tags"]))


def _application(request: Body) -> Calls[str]:
    """Create the application of an attempt, or find it, and return its id."""
    config = application_request(
        _object(request["ApplicationConfig"], "ApplicationConfig"), request["clientToken"], request["Tags"]
    )
    answer = yield AwsCall("emr-serverless", "CreateApplication", config, "create its application")
    return str(answer["applicationId"])


def step_request(arguments: Body, attempt: str, tags: Tags) -> Body:
    """Return the AddJobFlowSteps request of a step on a running cluster.

    Unless the step says otherwise, the cluster continues with its other steps if this one fails (*assumed*).

    Args:
        arguments: Arguments of the step: ``ClusterId``, ``StepConfig``, perhaps ``ExecutionRoleArn``.
        attempt: Name of the attempt.
        tags: The owner's tags.
    """
    role = arguments.get("ExecutionRoleArn")
    return {
        "JobFlowId": arguments["ClusterId"],
        "Steps": [
            {
                "ActionOnFailure": "CONTINUE",
                **_object(arguments["StepConfig"], "StepConfig"),
                "Name": step_name(attempt, tags),
            }
        ],
        **({"ExecutionRoleArn": role} if role else {}),
    }


def step_name(attempt: str, tags: Tags) -> str:
    """Return the name of an attempt's step: the attempt's name, then its owner, so that the console shows whose it is.

    Args:
        attempt: Name of the attempt.
        tags: The owner's tags.

    Returns:
        The name, at most 256 characters. An owner that does not fit is left out: the task can still adopt and stop such
        a step, but `stop-orphans` does not recognize it.
    """
    named = f"{attempt} ({owner_text(tags)})"
    return named if len(named) <= _STEP_NAME_LIMIT else attempt


def cluster_request(arguments: Body, attempt: str, tags: Tags) -> Body:
    """Return the RunJobFlow request of a cluster that lives for one step.

    Args:
        arguments: Arguments of the step: ``ClusterConfig`` and ``StepConfig``.
        attempt: Name of the attempt.
        tags: The tags to add to the cluster's own.
    """
    config, step = (_object(arguments[name], name) for name in ("ClusterConfig", "StepConfig"))
    instances = _object(config.get("Instances"), "ClusterConfig.Instances")
    return {
        **config,
        "Name": attempt,
        "Instances": {**instances, "KeepJobFlowAliveWhenNoSteps": False},
        "Steps": [{**step, "Name": attempt, "ActionOnFailure": "TERMINATE_CLUSTER"}],
        "Tags": with_tags(config.get("Tags"), tags),
    }


def application_request(config: Body, attempt: str, tags: Tags) -> Body:
    """Return the CreateApplication request of an attempt; sending it twice creates one application.

    Args:
        config: ``ApplicationConfig`` of the step.
        attempt: Name of the attempt. The application's name is what fits of the name in ``config``, then this.
        tags: The owner's tags.
    """
    room, given = _APPLICATION_NAME_LIMIT - len(attempt) - 1, str(config.get("name") or "")
    return {
        **config,
        "name": f"{given[:room]}/{attempt}" if given and room > 0 else attempt,
        "clientToken": attempt,
        "tags": with_tag_map(_object(config.get("tags"), "tags"), tags),
    }


def job_run_request(arguments: Body, application: str, attempt: str, tags: Tags) -> Body:
    """Return the StartJobRun request of a step; sending it twice starts one run.

    Args:
        arguments: Arguments of the step: ``JobConfig`` and perhaps ``ExecutionRoleArn``.
        application: Id of the application.
        attempt: Name of the attempt. The run's name is what fits of the name in ``JobConfig``, then this.
        tags: The owner's tags.
    """
    config = _object(arguments["JobConfig"], "JobConfig")
    given = str(config.get("name") or "")
    return {
        **config,
        "applicationId": application,
        "executionRoleArn": config.get("executionRoleArn") or arguments.get("ExecutionRoleArn"),
        "clientToken": attempt,
        "name": f"{given[: _JOB_RUN_NAME_LIMIT - len(attempt) - 1]} {attempt}" if given else attempt,
        "tags": with_tag_map(_object(config.get("tags"), "tags"), tags),
    }


# Requests are made of the members of these objects, also where a reference stands for one.
_OBJECTS = ("StepConfig", "ClusterConfig", "JobConfig", "ApplicationConfig")
_OBJECTS_IN_CONFIGS = ("Instances", "tags")


def _with_known_objects(start: StepStart, request: Body) -> Body:
    """Return a request with members in the place of each object that only a run knows."""
    known = dict(request)
    for name in _OBJECTS:
        if name in known:
            config = start.members_of(known[name])
            if isinstance(config, Mapping):
                inner = {place: start.members_of(config[place]) for place in _OBJECTS_IN_CONFIGS if place in config}
                config = {**config, **inner}
            known[name] = config
    return known


def _object(value: object, place: str) -> Body:
    """Return an object of the Arguments, an empty one if it is missing.

    Raises:
        UnfitRequestError: The value is not an object.
    """
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise UnfitRequestError(f"{place}: expected an object, found {type(value).__name__} {value!r}")
    return value
