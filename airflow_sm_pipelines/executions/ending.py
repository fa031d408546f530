"""StopPipelineExecution and RetryPipelineExecution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.executions import forms
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.metadata import row_of_operator
from airflow_sm_pipelines.executions.pipelines import Execution, Finder
from airflow_sm_pipelines.executions.references import read_execution
from airflow_sm_pipelines.executions.statuses import (
    EXECUTING,
    FAILED,
    STOPPED,
    description,
    execution_status,
    is_stopped,
    note_of_stop,
)
from airflow_sm_pipelines.semantics.parallelism import bound_variable

_FAIL = "Fail"
_DESCRIPTION_OF_BOUND = "How many steps of the run may be in progress at once. Set by RetryPipelineExecution."


async def stop(airflow: AirflowClient, request: forms.Stop) -> JsonObject:
    """Stop an execution as a person does who marks its run failed: its jobs are stopped, and nothing more starts."""
    execution = await Finder(airflow).execution(read_execution(request.execution))
    status = execution_status(execution.run, completed_with_failures=False)
    if status == EXECUTING:
        note = note_of_stop(execution.run["note"], datetime.now(UTC))
        await airflow.patch(*execution.path, body={"state": "failed", "note": note})
    elif status != STOPPED:
        raise RefusedRequestError("ConflictException", f"the execution has ended: {status}")
    return {"PipelineExecutionArn": execution.arn}


async def retry(airflow: AirflowClient, request: forms.Retry) -> JsonObject:
    """Run the steps of an ended execution again that have not succeeded, and what depends on them."""
    execution = await Finder(airflow).execution(read_execution(request.execution))
    if execution_status(execution.run, completed_with_failures=False) not in (FAILED, STOPPED):
        raise RefusedRequestError("ConflictException", "only an execution that failed or was stopped can be retried")
    tasks = await airflow.all("task_instances", *execution.path, "taskInstances")
    fail_steps = sorted(task["task_id"] for task in tasks if task["state"] == "failed" and _is_fail_step(task))
    if fail_steps:
        raise RefusedRequestError(
            "ConflictException",
            f"the execution has ended with the Fail step {fail_steps[0]}: such an execution cannot be retried",
        )
    # A stop skips what has not begun; what a Condition has skipped, Airflow skips again.
    again = {"failed", "upstream_failed", *(("skipped",) if is_stopped(execution.run) else ())}
    chosen = [_task_key(task) for task in tasks if task["state"] in again]
    if not chosen:
        raise RefusedRequestError("ConflictException", "no step of the execution has failed")
    body = {
        "dry_run": False,
        "dag_run_id": execution.run["dag_run_id"],
        "task_ids": chosen,
        "only_failed": False,
        "include_downstream": True,
        "reset_dag_runs": True,
    }
    if request.parallelism is not None:  # first: its tasks may start at once
        await _set_bound(airflow, execution, request.parallelism.most_steps)
    await airflow.post("dags", execution.dag.dag_id, "clearTaskInstances", body=body)
    if is_stopped(execution.run):
        await airflow.patch(*execution.path, body={"note": description(execution.run["note"])})
    return {"PipelineExecutionArn": execution.arn}


async def _set_bound(airflow: AirflowClient, execution: Execution, bound: int) -> None:
    """Say how many steps of a run may be in progress from now on, as a person does who changes that."""
    key = bound_variable(execution.dag.dag_id, execution.run["dag_run_id"])
    body = {"key": key, "value": str(bound), "description": _DESCRIPTION_OF_BOUND}
    if await airflow.find("variables", key) is None:
        await airflow.post("variables", body=body)
    else:
        await airflow.patch("variables", key, body=body)


def _is_fail_step(task: Mapping[str, Any]) -> bool:
    row = row_of_operator(str(task["operator"]))
    return row is not None and row.step_type == _FAIL


def _task_key(task: Mapping[str, Any]) -> str | list[Any]:
    return str(task["task_id"]) if task["map_index"] < 0 else [task["task_id"], task["map_index"]]
