"""May this step run now? Asked in the worker, before anything is resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.task_states import task_states
from airflow_sm_pipelines.execution.xcoms import read_properties, read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep, needs_gate, unmet_edges

_STATUS_OF_STATE = {"success": StepStatus.SUCCEEDED, "failed": StepStatus.FAILED}


def pass_gate(plan: StepPlan, task_ids: Mapping[str, str], context: Any) -> None:
    """Let the step through, or skip its task.

    Most steps wait for the success of all of their upstream tasks, which Airflow itself decides. A step with a
    ``Failed``, ``Stopped`` or ``Any`` trigger starts when all of them have ended; then every one of its edges is
    looked at here.

    Args:
        plan: The step.
        task_ids: Task id of each step.
        context: Airflow's task context.

    Raises:
        AirflowSkipException: An edge does not hold; the message says which.
        StepError: The step stands in a branch, and its Condition has chosen none.
    """
    if not needs_gate(plan):
        if plan.branch is not None:
            _require_outcome(plan.branch.condition, plan, task_ids, context)
        return
    ti = context["ti"]
    states = task_states(ti.dag_id, ti.run_id, [task_ids[edge.upstream] for edge in plan.edges])
    upstream = {
        edge.upstream: _upstream_step(states.get(task_ids[edge.upstream]), task_ids[edge.upstream], context)
        for edge in plan.edges
    }
    unmet = unmet_edges(plan, upstream)
    if unmet:
        raise AirflowSkipException(f"Step {plan.step.name} does not run: {'; '.join(unmet)}")


def _require_outcome(condition: str, plan: StepPlan, task_ids: Mapping[str, str], context: Any) -> None:
    """Refuse to run when the Condition has chosen nothing: marked successful by hand, it skips neither branch."""
    outcome = (read_properties(context, task_ids[condition]) or {}).get("Outcome")
    if not isinstance(outcome, bool):
        raise StepError(
            plan.step.name,
            f"Condition {condition} has published no outcome in this run (was it marked successful by hand?): "
            "clear it, so that it chooses a branch",
        )


def _upstream_step(state: str | None, task_id: str, context: Any) -> UpstreamStep:
    status = _STATUS_OF_STATE.get(state or "", StepStatus.NOT_RUN)
    if status is StepStatus.FAILED:
        return UpstreamStep(read_status(context, task_id) or status)
    outcome = (read_properties(context, task_id) or {}).get("Outcome") if status is StepStatus.SUCCEEDED else None
    branch = {True: "if", False: "else"}.get(outcome) if isinstance(outcome, bool) else None
    return UpstreamStep(status, branch)  # type: ignore[arg-type]
