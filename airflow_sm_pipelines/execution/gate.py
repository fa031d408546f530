"""The gate: decides in the worker, before anything is resolved, whether a step may run now."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.airflow_internals.worker import mapped_task_states, task_states
from airflow_sm_pipelines.execution.xcoms import own_map_index, read_properties, read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep, needs_gate, unmet_edges

if TYPE_CHECKING:
    from airflow.sdk import Context

_STATUS_OF_STATE = {"success": StepStatus.SUCCEEDED, "failed": StepStatus.FAILED}


def pass_gate(
    plan: StepPlan,
    task_ids: Mapping[str, str],
    context: Context,
    reused: Mapping[str, UpstreamStep] = MappingProxyType({}),
) -> None:
    """Let the step through, or skip its task.

    Most steps wait for the success of all of their upstream tasks, which Airflow itself decides. A step with a
    ``Failed``, ``Stopped`` or ``Any`` trigger starts when all of them have ended; then the gate
    checks every one of its edges.

    Args:
        plan: The step.
        task_ids: Task id of each step.
        context: Airflow's task context.
        reused: How the steps ended that this run does not execute, but takes from an earlier one.

    Raises:
        AirflowSkipException: An edge does not hold; the message says which.
        StepError: The step stands in a branch, and its Condition has chosen none.
    """
    if not needs_gate(plan):
        if plan.step.branch is not None and plan.step.branch.condition not in reused:
            _require_outcome(plan.step.branch.condition, plan, task_ids, context)
        return
    look = _upstream_of_iteration if plan.step.body_of else _upstream_of_run
    unmet = unmet_edges(plan, {**look(plan, task_ids, context), **reused})
    if unmet:
        raise AirflowSkipException(f"Step {plan.step.name} does not run: {'; '.join(unmet)}")


def _require_outcome(condition: str, plan: StepPlan, task_ids: Mapping[str, str], context: Context) -> None:
    """Raise if the Condition has published no outcome: marked successful by hand, it skips neither branch."""
    if _outcome(context, task_ids[condition]) is None:
        raise StepError(
            plan.step.name,
            f"Condition {condition} has published no outcome in this run (was it marked successful by hand?): "
            "clear it, so that it chooses a branch",
        )


def _upstream_of_run(plan: StepPlan, task_ids: Mapping[str, str], context: Context) -> dict[str, UpstreamStep]:
    ti, wanted = context["ti"], {edge.upstream: task_ids[edge.upstream] for edge in plan.edges}
    states = task_states(ti.dag_id, ti.run_id, list(wanted.values()))
    return {step: _upstream_step(states.get(task_id), task_id, -1, context) for step, task_id in wanted.items()}


def _upstream_of_iteration(plan: StepPlan, task_ids: Mapping[str, str], context: Context) -> dict[str, UpstreamStep]:
    """Return what a body step waits for: steps of its own iteration, and steps outside of the ForEach."""
    ti, own, upstream = context["ti"], own_map_index(context), {}
    for edge in plan.edges:
        task_id = task_ids[edge.upstream]
        states = mapped_task_states(ti.dag_id, ti.run_id, task_id)
        index = own if own in states else -1
        upstream[edge.upstream] = _upstream_step(states.get(index), task_id, index, context)
    return upstream


def _upstream_step(state: str | None, task_id: str, map_index: int, context: Context) -> UpstreamStep:
    status = _STATUS_OF_STATE.get(state or "", StepStatus.NOT_RUN)
    if status is StepStatus.FAILED:
        return UpstreamStep(read_status(context, task_id, map_index) or status)
    outcome = _outcome(context, task_id, map_index) if status is StepStatus.SUCCEEDED else None
    return UpstreamStep(status, None if outcome is None else "if" if outcome else "else")


def _outcome(context: Context, task_id: str, map_index: int = -1) -> bool | None:
    """Return the outcome that a Condition has published; ``None`` if there is none, or it is of another step type."""
    published = read_properties(context, task_id, map_index)
    outcome = published.get("Outcome") if isinstance(published, dict) else None
    return outcome if isinstance(outcome, bool) else None
