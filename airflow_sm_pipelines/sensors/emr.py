"""The EMR step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.kinds import EMR_CLUSTER, EMR_STEP
from airflow_sm_pipelines.aws.protocols.emr_steps import LIVE_CLUSTER_STATES
from airflow_sm_pipelines.aws.requests.emr import cluster_request, step_request
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.execution.links import EmrConsoleLink
from airflow_sm_pipelines.operators.base import JobOperator


class EmrStepSensor(JobOperator):
    """Submits one step to Amazon EMR and waits for it; its properties are DescribeStep's ``Step`` with ``ClusterId``.

    With ``ClusterId`` the step goes to that cluster, which goes on afterwards. With ``ClusterConfig`` EMR starts a
    cluster for the step and terminates it behind the step, whatever becomes of this process.

    A sensor by what it does: it waits without a worker slot. It does not inherit Airflow's ``BaseSensorOperator``,
    whose ``poke`` knows neither a submission of its own, nor its adoption by the next try, nor its end on a kill.

    Args:
        plan: The step and its edges.
        kwargs: As for every step operator.
    """

    operator_extra_links = (EmrConsoleLink(),)
    ui_color = EMR_STEP.colour

    def __init__(self, *, plan: StepPlan, **kwargs: Any) -> None:
        super().__init__(plan=plan, **kwargs)
        self.kind = EMR_CLUSTER if "ClusterConfig" in plan.step.arguments else EMR_STEP

    def complete_request(self, request: dict[str, Any], client: Any) -> dict[str, Any]:
        """Return the AddJobFlowSteps or RunJobFlow request of the step's Arguments; runs in the worker."""
        if self.kind is EMR_CLUSTER:
            return cluster_request(request, request["Name"], request["Tags"])
        self._check_cluster(client, request["ClusterId"])
        return step_request(request, request["Name"], request["Tags"])

    def described_request(self, properties: Mapping[str, Any], members: Iterable[str]) -> dict[str, Any]:
        """Return the step as it was added; of a cluster of its own EMR tells no more than its id."""
        found = {"Name": properties.get("Name"), "ActionOnFailure": properties.get("ActionOnFailure")}
        step = {**found, "HadoopJarStep": properties.get("Config", {})}
        return {"JobFlowId": properties["ClusterId"], "Steps": [step], **super().described_request(properties, members)}

    def _check_cluster(self, client: Any, cluster: str) -> None:
        """Say it clearly when the cluster takes no steps (developer guide, "EMR step").

        Raises:
            StepFailedError: It is in none of the states in which it takes steps, or cannot be looked at.
        """
        try:
            status = call(client, "DescribeCluster", {"ClusterId": cluster})["Cluster"]["Status"]
        except CallRefusedError as error:
            message = f"cannot look at cluster {cluster}: {error.in_words()}"
            raise StepFailedError(self.plan.step.name, message, exception_type=error.exception_type) from error
        if status["State"] not in LIVE_CLUSTER_STATES:
            why = status.get("StateChangeReason", {}).get("Message", "")
            message = f"cluster {cluster} is {status['State']}{f' ({why})' if why else ''}, and takes no steps then"
            hint = f"a step needs a cluster that is {', '.join(LIVE_CLUSTER_STATES)}"
            raise StepFailedError(self.plan.step.name, f"{message}; {hint}")
