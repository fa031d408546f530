"""Amazon EMR's operations: clusters, their steps, their tags.

A cluster costs nothing here and is ready at once: what it has is a list of steps, as many of which run at a time as
its StepConcurrencyLevel says. Members about machines and networks are accepted and have no effect. With a stand-in
every cluster that a request names exists: a definition names one that only its author has.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import ClientError

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.jobs.container import ContainerPlan
from airflow_sm_pipelines.local.jobs.job_site import Clients
from airflow_sm_pipelines.local.jobs.runner import JobOrder, JobPhase, JobResult, OwnWork, Runner
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.local.server.faults import JobFault
from airflow_sm_pipelines.local.services.emr import descriptions
from airflow_sm_pipelines.local.services.emr.command import LOG_GROUP, log_stream, output_lines, plan_step
from airflow_sm_pipelines.local.services.emr.table import (
    ENDED,
    ON_REQUEST,
    STEPS_DONE,
    Cluster,
    ClusterTable,
    EmrStep,
    EmrStepState,
)
from airflow_sm_pipelines.local.services.pages import Entry, page_after
from airflow_sm_pipelines.local.stand_in import StandIn
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_PAGE = 50
"""Entries of one page of ListClusters and ListSteps (API reference)."""

_LINES_OF_A_FAILURE = 3


class EmrClusters:
    """The operations.

    Args:
        table: All clusters.
        clients: Clients of the local AWS itself.
        runner: Runs the steps.
        stand_in: What they do instead of running, if there is one.
    """

    def __init__(self, table: ClusterTable, clients: Clients, runner: Runner, stand_in: StandIn | None) -> None:
        self._table = table
        self._clients = clients
        self._runner = runner
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "RunJobFlow": self._run_job_flow,
            "DescribeCluster": self._describe_cluster,
            "ListClusters": self._list_clusters,
            "TerminateJobFlows": self._terminate,
            "AddJobFlowSteps": self._add_steps,
            "DescribeStep": self._describe_step,
            "ListSteps": self._list_steps,
            "CancelSteps": self._cancel_steps,
            "AddTags": self._add_tags,
            "RemoveTags": self._remove_tags,
        }

    # -- clusters --------------------------------------------------------------------------------------------------

    def _run_job_flow(self, context: RequestContext, request: Document) -> Document:
        tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}
        cluster = self._table.create(context.region, request, tags)
        steps = request.get("Steps", ())
        role = request.get("StepExecutionRoleArn", "")
        self._table.add_steps(cluster.id, steps, role, context.job_fault or JobFault())
        if not steps and not cluster.keeps_alive:
            self._table.end(cluster.id, STEPS_DONE)
        self._start_next(cluster)
        return {"JobFlowId": cluster.id, "ClusterArn": cluster.arn}

    def _describe_cluster(self, context: RequestContext, request: Document) -> Document:
        return {"Cluster": descriptions.describe_cluster(self._cluster(context, request["ClusterId"]))}

    def _list_clusters(self, context: RequestContext, request: Document) -> Document:
        states = request.get("ClusterStates") or ()
        after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
        found = [
            cluster
            for cluster in self._table.clusters(context.region)
            if (not states or cluster.state.value in states)
            and (after is None or cluster.created.timestamp() > after)
            and (before is None or cluster.created.timestamp() < before)
        ]
        page, marker = _page(found, request, lambda cluster: cluster.id)
        return {"Clusters": [descriptions.summarize_cluster(cluster) for cluster in page], "Marker": marker}

    def _terminate(self, context: RequestContext, request: Document) -> Document:
        clusters = [self._cluster(context, name, "Specified job flow ID not valid") for name in request["JobFlowIds"]]
        for cluster in clusters:
            if cluster.request["Instances"].get("TerminationProtected") and cluster.state not in ENDED:
                raise validation_error(
                    "Could not shut down one or more job flows since they are termination protected."
                )
        for cluster in clusters:
            for step in self._table.end(cluster.id, ON_REQUEST):
                self._runner.stop(_folder_name(cluster, step))
        return {}

    # -- steps -----------------------------------------------------------------------------------------------------

    def _add_steps(self, context: RequestContext, request: Document) -> Document:
        cluster = self._cluster(context, request["JobFlowId"], "Specified job flow ID not valid")
        role, fault = request.get("ExecutionRoleArn", ""), context.job_fault or JobFault()
        ids = self._table.add_steps(cluster.id, request["Steps"], role, fault)
        self._start_next(cluster)
        return {"StepIds": ids}

    def _describe_step(self, context: RequestContext, request: Document) -> Document:
        cluster = self._cluster(context, request["ClusterId"])
        step = cluster.step(request["StepId"])
        if step is None:
            raise _invalid(f"Step id '{request['StepId']}' is not valid.")
        return {"Step": descriptions.describe_step(cluster, step)}

    def _list_steps(self, context: RequestContext, request: Document) -> Document:
        cluster = self._cluster(context, request["ClusterId"])
        states, ids = request.get("StepStates") or (), request.get("StepIds") or ()
        found = [
            step
            for step in reversed(cluster.steps)
            if (not states or step.state.value in states) and (not ids or step.id in ids)
        ]
        page, marker = _page(found, request, lambda step: step.id)
        return {"Steps": [descriptions.summarize_step(cluster, step) for step in page], "Marker": marker}

    def _cancel_steps(self, context: RequestContext, request: Document) -> Document:
        cluster = self._cluster(context, request["ClusterId"])
        return {"CancelStepsInfoList": [self._cancel(cluster, name) for name in request["StepIds"]]}

    def _cancel(self, cluster: Cluster, step_id: str) -> Document:
        before = self._table.cancel(cluster.id, step_id)
        step = cluster.step(step_id)
        if before is EmrStepState.RUNNING and step is not None:
            self._runner.stop(_folder_name(cluster, step))
        if before in (EmrStepState.PENDING, EmrStepState.RUNNING):
            return {"StepId": step_id, "Status": "SUBMITTED"}
        reason = f"Cannot cancel the step as it is in {before.value} state."  # the text is assumed
        return {"StepId": step_id, "Status": "FAILED", "Reason": reason}

    def _start_next(self, cluster: Cluster) -> None:
        for step in self._table.start_next(cluster.id):
            self._runner.start(
                JobOrder(
                    folder_name=_folder_name(cluster, step),
                    region=cluster.region,
                    plan=self._plan(cluster, step),
                    events=_StepEvents(self, cluster, step),
                    fault=step.fault,
                )
            )

    def _plan(self, cluster: Cluster, step: EmrStep) -> Callable[[], ContainerPlan | OwnWork]:
        if self._stand_in is None:
            return lambda: plan_step(cluster, step)
        owner = self._stand_in.owner_of(cluster.tags, step.config["Name"])
        work = self._stand_in.spark_work(owner, LOG_GROUP, log_stream(cluster, step))
        return lambda: work

    def ended(self, cluster: Cluster, step: EmrStep, result: JobResult) -> None:
        """Keep the log of a step that has ended, note why it failed, and start the next one."""
        lines = output_lines(self._clients.get("logs", cluster.region), cluster, step)
        self._keep_log(cluster, step, lines)
        reason = result.failure_reason or ""
        if reason and lines:
            reason = f"{reason}; its last output: {' / '.join(lines[-_LINES_OF_A_FAILURE:])}"
        others = self._table.end_step(cluster.id, step.id, stopped=result.stopped, failure_reason=reason)
        for other in others:
            self._runner.stop(_folder_name(cluster, other))
        with suppress(AwsError):  # the local AWS is stopping
            self._start_next(cluster)

    def _keep_log(self, cluster: Cluster, step: EmrStep, lines: Sequence[str]) -> None:
        uri = descriptions.log_uri(cluster, step)
        if not uri or not uri.startswith("s3://") or not lines:
            return
        bucket, key = split_uri(uri)
        try:
            body = gzip.compress("".join(f"{line}\n" for line in lines).encode())
            self._clients.get("s3", cluster.region).put_object(Bucket=bucket, Key=key, Body=body)
        except ClientError:  # EMR, too, loses the logs that it may not write
            return

    # -- tags ------------------------------------------------------------------------------------------------------

    def _add_tags(self, context: RequestContext, request: Document) -> Document:
        cluster = self._cluster(context, request["ResourceId"])
        new = {tag["Key"]: tag.get("Value", "") for tag in request["Tags"]}
        self._table.tag(cluster.id, {**cluster.tags, **new})
        return {}

    def _remove_tags(self, context: RequestContext, request: Document) -> Document:
        cluster = self._cluster(context, request["ResourceId"])
        kept = {key: value for key, value in cluster.tags.items() if key not in request["TagKeys"]}
        self._table.tag(cluster.id, kept)
        return {}

    def _cluster(self, context: RequestContext, cluster_id: str, refusal: str = "") -> Cluster:
        """Return the cluster of an id.

        Raises:
            AwsError: There is none; with ``refusal``, in the words of the older operations.
        """
        cluster = self._table.find(context.region, cluster_id)
        if cluster is not None:
            return cluster
        if self._stand_in is not None:
            return self._table.create(context.region, self._stand_in.missing_resource("Cluster"), {}, cluster_id)
        raise validation_error(refusal) if refusal else _invalid(f"Cluster id '{cluster_id}' is not valid.")


@dataclass(frozen=True, slots=True)
class _StepEvents:
    """The listener that tells the clusters when a step has ended."""

    clusters: EmrClusters
    cluster: Cluster
    step: EmrStep

    def entered(self, phase: JobPhase) -> None:
        """Do nothing: a step is RUNNING from its start to its end."""

    def stopping(self) -> None:
        """Do nothing: steps have no time limit."""

    def ended(self, result: JobResult) -> None:
        self.clusters.ended(self.cluster, self.step, result)


def _folder_name(cluster: Cluster, step: EmrStep) -> str:
    return f"{cluster.region}-emr-{cluster.id}-{step.id}"


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


def _page(found: Sequence[Entry], request: Document, name: Callable[[Entry], str]) -> tuple[list[Entry], str | None]:
    return page_after(found, name, request.get("Marker"), _PAGE, _invalid("Marker is not valid."))
