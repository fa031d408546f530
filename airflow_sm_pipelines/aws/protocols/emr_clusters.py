"""Amazon EMR clusters that live for one step: RunJobFlow with the step inside, terminated by EMR when it has ended.

The cluster is the resource, and there is only one: whatever dies here, EMR ends it after its step. RunJobFlow has no
idempotency token, and EMR gives the cluster its id; a reference is that id, ``j-…``, or, before it is known, the
attempt's name, which the cluster bears and nobody can guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call, call_once
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import EMR_STEP, ResourceKind
from airflow_sm_pipelines.aws.protocols import emr_steps
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.errors import AwsCallError

_CLUSTER_ID = "j-"
_ENDED = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
_ON_REQUEST = "USER_REQUEST"


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Start the cluster; see `airflow_sm_pipelines.aws.jobs.create`. The caller has looked for it before."""
    return True, str(call_once(client, kind.create, request)["JobFlowId"])


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at cluster and step; see `airflow_sm_pipelines.aws.jobs.observe`.

    It runs until the cluster has ended. What became of it is what became of the step.
    """
    cluster = _described(client, kind, reference)
    if cluster is None:
        return None
    name, status = cluster["Id"], cluster["Status"]
    if status["State"] not in _ENDED:
        return Observation(status["State"], Outcome.RUNNING, "", {"ClusterId": name}, name)
    step = emr_steps.find_step(client, EMR_STEP, name, cluster["Name"])
    described = emr_steps.properties(step or {}, name)
    if step is None:
        return Observation(status["State"], _outcome_of_cluster(status), _reason(status), described, name)
    state = step["Status"]["State"]
    result = emr_steps.outcome(EMR_STEP, state)
    if result in (Outcome.SUCCEEDED, Outcome.FAILED):
        return Observation(state, result, emr_steps.reason(step) or _reason(status), described, name)
    # It never came to the step's own end: a bootstrap action failed, there was no capacity, somebody terminated it.
    said = "; ".join(dict.fromkeys(part for part in (_reason(status), emr_steps.reason(step)) if part))
    told = f"{state} with its cluster {status['State']}"
    return Observation(told, _outcome_of_cluster(status), said, described, name)


def stop(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Terminate the cluster; see `airflow_sm_pipelines.aws.jobs.stop`."""
    seen = observe(client, kind, reference)
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    if seen.status not in kind.stopping_states:
        call(client, kind.stop, {"JobFlowIds": [seen.reference]})
    return True


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Find clusters by their names, with the id instead of an ARN; see `airflow_sm_pipelines.aws.jobs.running`."""
    states = {"ClusterStates": list(kind.running_states)}
    for cluster in emr_steps.pages(client, kind.list, states, kind.summaries_member):
        if name_contains in cluster["Name"]:
            yield str(cluster["Name"]), str(cluster["Id"])


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Read a cluster's tags; see `airflow_sm_pipelines.aws.jobs.tags`."""
    found: list[Mapping[str, str]] = call(client, kind.describe, {"ClusterId": arn})["Cluster"].get("Tags", [])
    return found


def _described(client: Any, kind: ResourceKind, reference: str) -> Mapping[str, Any] | None:
    name = reference if reference.startswith(_CLUSTER_ID) else _find(client, kind, reference)
    try:
        return call(client, kind.describe, {"ClusterId": name})["Cluster"] if name else None
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise


def _find(client: Any, kind: ResourceKind, name: str) -> str:
    clusters = emr_steps.pages(client, kind.list, {}, kind.summaries_member)
    return next((str(cluster["Id"]) for cluster in clusters if cluster["Name"] == name), "")


def _outcome_of_cluster(status: Mapping[str, Any]) -> Outcome:
    code = status.get("StateChangeReason", {}).get("Code")
    return Outcome.STOPPED if code == _ON_REQUEST else Outcome.FAILED


def _reason(status: Mapping[str, Any]) -> str:
    why = status.get("StateChangeReason", {})
    return ": ".join(part for part in (why.get("Code"), why.get("Message")) if part)
