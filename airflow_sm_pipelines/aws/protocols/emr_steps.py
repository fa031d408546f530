"""Steps on an Amazon EMR cluster that somebody else keeps running.

AddJobFlowSteps has no idempotency token, and EMR gives the step its id. So that a step whose answer was lost is found
again, its name begins with the attempt's, which nobody can guess, and a reference may name it so:

- ``j-CLUSTER/s-STEP`` once the id is known;
- ``j-CLUSTER/pipelines-…`` before, and where the id does not matter.

A step has no tags: its owner stands in its name, behind the attempt's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call, call_once
from airflow_sm_pipelines.aws.failures import EMR_RESOURCE_LIMIT, says_absent
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.kinds.emr import LIVE_CLUSTER_STATES
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.aws.requests.tags import tags_of_owner_text
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError

_TOO_MANY = "Maximum number of active steps"
_STEP_ID = "s-"


def attempt_of(name: str) -> str:
    """Return the attempt that a step's name begins with."""
    return name.partition(" ")[0]


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Add the step; see `airflow_sm_pipelines.aws.jobs.create`. The caller has looked for it before."""
    cluster = request["JobFlowId"]
    try:
        answer = call_once(client, kind.create, request)
    except AwsCallError as error:
        if _TOO_MANY not in error.message:
            raise
        message = (
            f"cluster {cluster} has as many pending and running steps as EMR allows, 256; a retry policy for "
            f"{EMR_RESOURCE_LIMIT} tries again later ({error.message})"
        )
        raise CallRefusedError(error.operation, error.code, message, EMR_RESOURCE_LIMIT) from error
    [step] = answer["StepIds"]
    return True, f"{cluster}/{step}"


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at the step; see `airflow_sm_pipelines.aws.jobs.observe`."""
    cluster, step = _located(client, kind, reference)
    if not step:
        return None
    try:
        description = call(client, kind.describe, {"ClusterId": cluster, "StepId": step})["Step"]
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise
    status = description["Status"]["State"]
    return Observation(
        status, outcome(kind, status), reason(description), properties(description, cluster), f"{cluster}/{step}"
    )


def outcome(kind: ResourceKind, state: str) -> Outcome:
    """Return what a step's state means."""
    if state in kind.succeeded:
        return Outcome.SUCCEEDED
    if state in kind.failed:
        return Outcome.FAILED
    return Outcome.STOPPED if state in kind.stopped else Outcome.RUNNING


def reason(step: Mapping[str, Any]) -> str:
    """Return why a step failed, and where its log is, as far as EMR says it."""
    details = step["Status"].get("FailureDetails", {})
    said = [details.get("Reason"), details.get("Message"), step["Status"].get("StateChangeReason", {}).get("Message")]
    log = f" (log: {details['LogFile']})" if details.get("LogFile") else ""
    return "; ".join(dict.fromkeys(part for part in said if part)) + log


def properties(step: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    """Return what the step publishes: the API's Step, with the cluster that it ran on."""
    return {**step, "ClusterId": cluster}


def stop(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Cancel the step; see `airflow_sm_pipelines.aws.jobs.stop`.

    A running step is terminated, not merely asked to end: EMR 5.28.0 and later can do that. Earlier releases cancel
    pending steps only, and refuse here.
    """
    seen = observe(client, kind, reference)
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    if seen.status in kind.stopping_states:
        return True
    cluster, _, step = seen.reference.partition("/")
    request = {"ClusterId": cluster, "StepIds": [step], "StepCancellationOption": "TERMINATE_PROCESS"}
    answer = call(client, kind.stop, request)
    refused = next((one for one in answer.get("CancelStepsInfoList", ()) if one.get("Status") == "FAILED"), None)
    if refused is None:
        return True
    seen = observe(client, kind, seen.reference)  # it may have ended between the look and the call
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    message = f"{refused.get('Reason', 'EMR gives no reason')} (EMR releases before 5.28.0 cancel pending steps only)"
    raise CallRefusedError(kind.stop, "FAILED", message, None)


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Find our steps on all live clusters; see `airflow_sm_pipelines.aws.jobs.running`. Their names stand for ARNs."""
    for cluster in pages(client, "ListClusters", {"ClusterStates": list(LIVE_CLUSTER_STATES)}, "Clusters"):
        states = {"ClusterId": cluster["Id"], "StepStates": list(kind.running_states)}
        for step in pages(client, kind.list, states, kind.summaries_member):
            attempt = attempt_of(step["Name"])
            if name_contains in attempt and tags(client, kind, step["Name"]):
                yield f"{cluster['Id']}/{attempt}", step["Name"]


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Read the owner from a step's name; see `airflow_sm_pipelines.aws.jobs.tags`."""
    return tags_of_owner_text(arn.partition(" (")[2].removesuffix(")"))


def find_step(client: Any, kind: ResourceKind, cluster: str, attempt: str) -> Mapping[str, Any] | None:
    """Return the summary of an attempt's step, ``None`` if the cluster has none."""
    try:
        steps = pages(client, kind.list, {"ClusterId": cluster}, "Steps")
        return next((step for step in steps if attempt_of(step["Name"]) == attempt), None)
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise


def pages(client: Any, operation: str, request: Mapping[str, Any], member: str) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of all pages of one of EMR's List operations."""
    page: dict[str, Any] = {}
    while True:
        answer = call(client, operation, {**request, **page})
        yield from answer.get(member, ())
        if not answer.get("Marker"):
            return
        page = {"Marker": answer["Marker"]}


def _located(client: Any, kind: ResourceKind, reference: str) -> tuple[str, str]:
    """Return the ids of cluster and step; an empty one for a step that is not there."""
    cluster, _, step = reference.partition("/")
    if step.startswith(_STEP_ID):
        return cluster, step
    found = find_step(client, kind, cluster, step)
    return cluster, str(found["Id"]) if found else ""
