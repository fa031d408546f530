"""Job runs of Amazon EMR Serverless, in an application that is there, or in one that is made for the run alone.

StartJobRun and CreateApplication take the attempt's name as their client token, so that asking twice makes one. The
service gives ids to both; a reference may name either by the attempt, whose name both bear as their last word:

- ``00f1APPLICATION/00g2RUN`` once both ids are known;
- ``00f1APPLICATION/pipelines-…`` before the run's is;
- ``pipelines-…`` before the application's is, if it is made for the run.

An application of our own outlives its run: `remove` stops and deletes it, one call at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.errors import AwsCallError

_PAGE = 50
_ON_THE_WAY = frozenset({"CREATING", "STARTING", "STOPPING"})
_DELETABLE = frozenset({"CREATED", "STOPPED"})
_GONE = "TERMINATED"
_LIVE_APPLICATIONS = ["CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED"]


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str] | None:
    """Start the run; see `airflow_sm_pipelines.aws.jobs.create`. An application of our own must be there first."""
    application = request["applicationId"]
    if kind.leaves_behind and _state(client, application) in _ON_THE_WAY:
        return None
    return True, f"{application}/{call(client, kind.create, request)['jobRunId']}"


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at the run; see `airflow_sm_pipelines.aws.jobs.observe`."""
    application, run = _located(client, kind, reference)
    if not run:
        return None
    try:
        description = call(client, kind.describe, {"applicationId": application, "jobRunId": run})
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise
    found = description[kind.status_member]
    state = found["state"]
    reason = "" if state in kind.succeeded else str(found.get("stateDetails", ""))
    return Observation(state, _outcome(kind, state), reason, description, f"{application}/{run}")


def _outcome(kind: ResourceKind, state: str) -> Outcome:
    if state in kind.succeeded:
        return Outcome.SUCCEEDED
    if state in kind.failed:
        return Outcome.FAILED
    return Outcome.STOPPED if state in kind.stopped else Outcome.RUNNING


def stop(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Cancel the run; see `airflow_sm_pipelines.aws.jobs.stop`."""
    seen = observe(client, kind, reference)
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    if seen.status in kind.stopping_states:
        return True
    application, _, run = seen.reference.partition("/")
    try:
        call(client, kind.stop, {"applicationId": application, "jobRunId": run})
    except AwsCallError:  # it may have ended between the look and the call
        seen = observe(client, kind, seen.reference)
        if seen is None or seen.outcome is not Outcome.RUNNING:
            return False
        raise
    return True


def remove(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Bring the application of our own nearer to its end; see `airflow_sm_pipelines.aws.jobs.remove`.

    It can be deleted when it is stopped, and stopped when no run is live (API reference, StopApplication and
    DeleteApplication).
    """
    application = _application(client, reference)
    state = _state(client, application) if application else _GONE
    if state == _GONE:
        return False
    if state in _ON_THE_WAY:
        return True
    if state in _DELETABLE:
        call(client, "DeleteApplication", {"applicationId": application})
        return False
    live = list(_runs(client, kind, application))
    for run in live:
        stop(client, kind, f"{application}/{run['id']}")
    if not live:
        call(client, "StopApplication", {"applicationId": application})
    return True


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Find live runs, or all applications of our own; see `airflow_sm_pipelines.aws.jobs.running`."""
    request = {"states": _LIVE_APPLICATIONS, "maxResults": _PAGE}
    for application in list(_pages(client, "ListApplications", request, "applications")):
        attempt = _attempt_of(str(application.get("name", "")))
        if kind.leaves_behind:
            if name_contains in attempt and "-" in attempt:
                yield attempt, str(application["arn"])
            continue
        for run in _runs(client, kind, application["id"]):
            # The run of an application of our own goes with it.
            own = _attempt_of(str(run.get("name", "")))
            if name_contains in own and own != attempt and "-" in own:
                yield f"{application['id']}/{own}", str(run["arn"])


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Read the tags of a run or an application; see `airflow_sm_pipelines.aws.jobs.tags`."""
    found = call(client, "ListTagsForResource", {"resourceArn": arn}).get("tags", {})
    return [{"Key": key, "Value": value} for key, value in found.items()]


def _attempt_of(name: str) -> str:
    return name.rpartition(" ")[2].rpartition("/")[2]


def _is_attempt(part: str) -> bool:
    """Whether a part of a reference is the name of an attempt: ids have no hyphens."""
    return "-" in part


def _located(client: Any, kind: ResourceKind, reference: str) -> tuple[str, str]:
    """Return the ids of application and run; empty ones for what is not there."""
    application, run = _application(client, reference), reference.rpartition("/")[2]
    if not application or not _is_attempt(run):
        return application, run
    try:
        runs = _pages(client, kind.list, {"applicationId": application, "maxResults": _PAGE}, "jobRuns")
        return application, next((str(one["id"]) for one in runs if _attempt_of(one.get("name", "")) == run), "")
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return application, ""
        raise


def _application(client: Any, reference: str) -> str:
    first = reference.partition("/")[0]
    if not _is_attempt(first):
        return first
    request = {"states": _LIVE_APPLICATIONS, "maxResults": _PAGE}
    found = _pages(client, "ListApplications", request, "applications")
    return next((str(one["id"]) for one in found if _attempt_of(one.get("name", "")) == first), "")


def _state(client: Any, application: str) -> str:
    try:
        return str(call(client, "GetApplication", {"applicationId": application})["application"]["state"])
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return _GONE
        raise


def _runs(client: Any, kind: ResourceKind, application: str) -> Iterator[Mapping[str, Any]]:
    states = {"applicationId": application, "states": list(kind.running_states), "maxResults": _PAGE}
    return _pages(client, kind.list, states, kind.summaries_member)


def _pages(client: Any, operation: str, request: Mapping[str, Any], member: str) -> Iterator[Mapping[str, Any]]:
    page: dict[str, Any] = {}
    while True:
        answer = call(client, operation, {**request, **page})
        yield from answer.get(member, ())
        if not answer.get("nextToken"):
            return
        page = {"nextToken": answer["nextToken"]}
