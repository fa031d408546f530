"""Amazon EMR: steps on a cluster that somebody else keeps running, and clusters that live for one step.

AddJobFlowSteps and RunJobFlow have no idempotency token, and EMR assigns the ids. So that a resource whose answer was
lost is found again, its name begins with the attempt's, which nobody can guess, and a reference may contain the name
instead of the id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import Body, call, call_once, find, pages
from airflow_sm_pipelines.aws.failures import EMR_RESOURCE_LIMIT, says_absent
from airflow_sm_pipelines.aws.kinds.emr import EMR_STEP, LIVE_CLUSTER_STATES
from airflow_sm_pipelines.aws.protocols.base import Creation, Observation, Outcome, ResourceProtocol
from airflow_sm_pipelines.aws.requests.tags import tags_of_owner_text
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError

_TOO_MANY = "Maximum number of active steps"
_STEP_ID = "s-"
_CLUSTER_ID = "j-"
_ENDED = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
_ON_REQUEST = "USER_REQUEST"
_NEXT_PAGE = "Marker"


# -- steps -------------------------------------------------------------------------------------------------------------


class EmrStepProtocol(ResourceProtocol):
    """The protocol of steps on a running cluster.

    A reference is ``j-CLUSTER/s-STEP`` once the step's id is known, ``j-CLUSTER/pipelines-…`` before that and wherever
    the id does not matter. A step has no tags: its name contains its owner, after the attempt's name.
    """

    def create(self, request: Body) -> Creation:
        """Add a step; the caller has made sure that it does not exist."""
        cluster = request["JobFlowId"]
        try:
            answer = call_once(self.client, self.kind.create, request)
        except AwsCallError as error:
            if _TOO_MANY not in error.message:
                raise
            message = (
                f"cluster {cluster} has as many pending and running steps as EMR allows, 256; a retry policy for "
                f"{EMR_RESOURCE_LIMIT} tries again later ({error.message})"
            )
            raise CallRefusedError(error.operation, error.code, message, EMR_RESOURCE_LIMIT) from error
        [step] = answer["StepIds"]
        return Creation(True, f"{cluster}/{step}")

    def observe(self, reference: str) -> Observation | None:
        """Return the state of a step, ``None`` if it does not exist."""
        cluster, step = self._ids(reference)
        request = {"ClusterId": cluster, "StepId": step}
        answer = find(self.client, self.kind.describe, request) if step else None
        if answer is None:
            return None
        description = answer["Step"]
        status = description["Status"]["State"]
        properties = _step_properties(description, cluster)
        return Observation(status, self.outcome(status), _step_reason(description), properties, f"{cluster}/{step}")

    def send_stop(self, reference: str) -> None:
        """Cancel a step.

        A running step is terminated, not merely asked to end. EMR 5.28.0 and later can do that; earlier releases cancel
        pending steps only.

        Raises:
            CallRefusedError: EMR does not cancel the step.
            AwsCallError: The call failed.
        """
        cluster, _, step = reference.partition("/")
        request = {"ClusterId": cluster, "StepIds": [step], "StepCancellationOption": "TERMINATE_PROCESS"}
        results = call(self.client, self.kind.stop, request).get("CancelStepsInfoList", ())
        refusal = next((result for result in results if result.get("Status") == "FAILED"), None)
        if refusal is not None:
            reason = refusal.get("Reason", "EMR gives no reason")
            message = f"{reason} (EMR releases before 5.28.0 cancel pending steps only)"
            raise CallRefusedError(self.kind.stop, "FAILED", message, None)

    def running(self, name_contains: str = "") -> Iterator[tuple[str, str]]:
        """Yield reference and name of our steps on all live clusters; a step has no ARN."""
        states = {"ClusterStates": list(LIVE_CLUSTER_STATES)}
        for cluster in pages(self.client, "ListClusters", states, "Clusters", _NEXT_PAGE):
            request = {"ClusterId": cluster["Id"], "StepStates": list(self.kind.running_states)}
            for step in pages(self.client, self.kind.list, request, self.kind.summaries_member, _NEXT_PAGE):
                attempt = _attempt_of(step["Name"])
                if name_contains in attempt and self.tags(step["Name"]):
                    yield f"{cluster['Id']}/{attempt}", step["Name"]

    def tags(self, arn: str) -> list[Mapping[str, str]]:
        """Return the tags of the owner that a step's name contains."""
        return tags_of_owner_text(arn.partition(" (")[2].removesuffix(")"))

    def find_attempt(self, cluster: str, attempt: str) -> Body | None:
        """Return the summary of an attempt's step, ``None`` if the cluster does not have it.

        Raises:
            AwsCallError: A call failed.
        """
        try:
            steps = pages(self.client, self.kind.list, {"ClusterId": cluster}, self.kind.summaries_member, _NEXT_PAGE)
            return next((step for step in steps if _attempt_of(step["Name"]) == attempt), None)
        except AwsCallError as error:
            if says_absent(error.code, error.message):
                return None
            raise

    def _ids(self, reference: str) -> tuple[str, str]:
        """Return the ids of cluster and step; the step's is empty if there is no such step."""
        cluster, _, step = reference.partition("/")
        if step.startswith(_STEP_ID):
            return cluster, step
        found = self.find_attempt(cluster, step)
        return cluster, str(found["Id"]) if found else ""


def _attempt_of(name: str) -> str:
    """Return the attempt's name, with which a step's name begins."""
    return name.partition(" ")[0]


def _step_reason(step: Body) -> str:
    """Return why a step failed, and where its log is, as far as EMR tells."""
    details = step["Status"].get("FailureDetails", {})
    parts = [details.get("Reason"), details.get("Message"), step["Status"].get("StateChangeReason", {}).get("Message")]
    log = f" (log: {details['LogFile']})" if details.get("LogFile") else ""
    return "; ".join(dict.fromkeys(part for part in parts if part)) + log


def _step_properties(step: Body, cluster: str) -> dict[str, Any]:
    """Return what an EMR step publishes: the API's Step, and the cluster that it ran on."""
    return {**step, "ClusterId": cluster}


# -- clusters ----------------------------------------------------------------------------------------------------------


class EmrClusterProtocol(ResourceProtocol):
    """The protocol of clusters that live for one step: RunJobFlow includes the step, and EMR ends the cluster after it.

    A reference is the cluster's id, ``j-…``, or, before that is known, its name, which is the attempt's.
    """

    def create(self, request: Body) -> Creation:
        """Start a cluster; the caller has made sure that it does not exist."""
        answer = call_once(self.client, self.kind.create, request)
        return Creation(True, str(answer["JobFlowId"]), str(answer.get("ClusterArn", "")))

    def observe(self, reference: str) -> Observation | None:
        """Return the state of a cluster and its step, ``None`` if it does not exist.

        It runs until the cluster has ended. Its outcome is the step's.
        """
        cluster = self._find(reference)
        if cluster is None:
            return None
        name, status = cluster["Id"], cluster["Status"]
        if status["State"] not in _ENDED:
            return Observation(status["State"], Outcome.RUNNING, "", {"ClusterId": name}, name)
        steps = EmrStepProtocol(self.client, EMR_STEP)
        step = steps.find_attempt(name, cluster["Name"])
        properties = _step_properties(step or {}, name)
        if step is None:
            return Observation(status["State"], _outcome_of_cluster(status), _cluster_reason(status), properties, name)
        state = step["Status"]["State"]
        outcome = steps.outcome(state)
        if outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            return Observation(state, outcome, _step_reason(step) or _cluster_reason(status), properties, name)
        # The cluster ended first: a bootstrap action failed, there was no capacity, somebody terminated it.
        reasons = dict.fromkeys(part for part in (_cluster_reason(status), _step_reason(step)) if part)
        both = f"{state} with its cluster {status['State']}"
        return Observation(both, _outcome_of_cluster(status), "; ".join(reasons), properties, name)

    def send_stop(self, reference: str) -> None:
        """Terminate a cluster."""
        call(self.client, self.kind.stop, {"JobFlowIds": [reference]})

    def running(self, name_contains: str = "") -> Iterator[tuple[str, str]]:
        """Yield name and id of the running clusters; the id stands for the ARN."""
        states = {"ClusterStates": list(self.kind.running_states)}
        for cluster in self._list(states):
            if name_contains in cluster["Name"]:
                yield str(cluster["Name"]), str(cluster["Id"])

    def tags(self, arn: str) -> list[Mapping[str, str]]:
        """Return the tags of the cluster with an id."""
        return list(call(self.client, self.kind.describe, {"ClusterId": arn})["Cluster"].get("Tags", ()))

    def _find(self, reference: str) -> Body | None:
        known = reference.startswith(_CLUSTER_ID)
        name = reference if known else next((c["Id"] for c in self._list({}) if c["Name"] == reference), "")
        answer = find(self.client, self.kind.describe, {"ClusterId": name}) if name else None
        return None if answer is None else answer["Cluster"]

    def _list(self, states: Body) -> Iterator[Body]:
        return pages(self.client, self.kind.list, states, self.kind.summaries_member, _NEXT_PAGE)


def _outcome_of_cluster(status: Body) -> Outcome:
    code = status.get("StateChangeReason", {}).get("Code")
    return Outcome.STOPPED if code == _ON_REQUEST else Outcome.FAILED


def _cluster_reason(status: Body) -> str:
    why = status.get("StateChangeReason", {})
    return ": ".join(part for part in (why.get("Code"), why.get("Message")) if part)
