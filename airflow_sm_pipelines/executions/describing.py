"""The operations that tell of executions, their parameters and their steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_sm_pipelines.aws_json import invalid
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.xcoms import COMPLETED_WITH_FAILURES_KEY
from airflow_sm_pipelines.executions import forms
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.metadata import value_as_text
from airflow_sm_pipelines.executions.pipelines import Execution, Finder
from airflow_sm_pipelines.executions.references import is_execution_arn, read_execution, read_pipeline
from airflow_sm_pipelines.executions.statuses import STOPPED, description, execution_status, timestamp
from airflow_sm_pipelines.executions.steps import list_steps, step_name
from airflow_sm_pipelines.semantics.run_options import (
    ALL_OPTIONS,
    DISPLAY_NAME,
    LATEST_RUN,
    MAX_PARALLEL_STEPS,
    MLFLOW_EXPERIMENT_NAME,
    MLFLOW_RESOURCE_ARN,
    NO_RUN,
    SELECT_STEPS,
    SOURCE_RUN,
)

_LONGEST_REASON = 1300


async def describe(airflow: AirflowClient, request: forms.OfExecution) -> JsonObject:
    """Describe an execution."""
    finder = Finder(airflow)
    execution = await finder.execution(read_execution(request.execution))
    run, conf = execution.run, execution.run["conf"] or {}
    handled = await _completed_with_failures(airflow, execution.dag.dag_id, [run])
    status = execution_status(run, completed_with_failures=bool(handled))
    reason = await _failure_reason(airflow, execution) if run["state"] == "failed" and status != STOPPED else ""
    changes = [run[name] for name in ("end_date", "start_date", "run_after") if run[name]]
    return without_nothing(
        {
            "PipelineArn": execution.dag.reference.arn,
            "PipelineExecutionArn": execution.arn,
            "PipelineExecutionDisplayName": conf.get(DISPLAY_NAME),
            "PipelineExecutionStatus": status,
            "PipelineExecutionDescription": description(run["note"]),
            "FailureReason": reason,
            # As the variable Execution.StartDateTime: a clear does not change it.
            "CreationTime": timestamp(run["run_after"]),
            "LastModifiedTime": timestamp(changes[0]),
            "CreatedBy": _user(run["triggering_user_name"]),
            "ParallelismConfiguration": _parallelism(conf),
            "SelectiveExecutionConfig": await _selection(airflow, finder, execution),
            "MLflowConfig": _mlflow(conf),
        }
    )


async def _failure_reason(airflow: AirflowClient, execution: Execution) -> str:
    tasks = await airflow.all("task_instances", *execution.path, "taskInstances", state="failed")
    names = dict.fromkeys(filter(None, map(step_name, tasks)))
    return f"Step failure: {', '.join(names)}"[:_LONGEST_REASON] if names else "No step has failed; see Airflow's run"


def _user(name: str | None) -> JsonObject | None:
    return {"UserProfileName": name} if name else None


def _parallelism(conf: Mapping[str, Any]) -> JsonObject | None:
    most = conf.get(MAX_PARALLEL_STEPS)
    return {"MaxParallelExecutionSteps": most} if most else None


def _mlflow(conf: Mapping[str, Any]) -> JsonObject | None:
    """Return what the run says of MLflow; what the definition says, the API server does not know."""
    given = {
        "MlflowResourceArn": conf.get(MLFLOW_RESOURCE_ARN),
        "MlflowExperimentName": conf.get(MLFLOW_EXPERIMENT_NAME),
    }
    return without_nothing(given) or None


async def _selection(airflow: AirflowClient, finder: Finder, execution: Execution) -> JsonObject | None:
    conf = execution.run["conf"] or {}
    if not conf.get(SELECT_STEPS):
        return None
    source = str(conf.get(SOURCE_RUN) or "")
    if not is_execution_arn(source):
        run = await airflow.find(*execution.path[:3], source) if source not in ("", LATEST_RUN, NO_RUN) else None
        source = (await finder.execution_of_run(execution.dag, run)).arn if run else ""
    steps: list[Json] = [{"StepName": name} for name in conf[SELECT_STEPS]]
    return without_nothing({"SourcePipelineExecutionArn": source, "SelectedSteps": steps})


async def list_executions(airflow: AirflowClient, request: forms.ExecutionsPage) -> JsonObject:
    """List the executions of a pipeline, the newest first unless the request says otherwise."""
    if request.version_alias is not None:
        raise invalid("PipelineVersionAlias is not supported: Airflow's DAG versions have none")
    finder = Finder(airflow)
    dag = await finder.pipeline(read_pipeline(request.pipeline))
    query = {
        "limit": request.most,
        "cursor": request.next_token or "",
        "order_by": "run_after" if request.order == "Ascending" else "-run_after",
        **{
            name: datetime.fromtimestamp(time, UTC).isoformat()
            for name, time in (("run_after_gt", request.created_after), ("run_after_lt", request.created_before))
            if time is not None
        },
    }
    page = await airflow.get("dags", dag.dag_id, "dagRuns", **query)
    handled = await _completed_with_failures(airflow, dag.dag_id, page["dag_runs"])
    summaries: list[Json] = [
        _summary(await finder.execution_of_run(dag, run), handled=run["dag_run_id"] in handled)
        for run in page["dag_runs"]
    ]
    return without_nothing({"PipelineExecutionSummaries": summaries, "NextToken": page["next_cursor"]})


def _summary(execution: Execution, *, handled: bool) -> JsonObject:
    run = execution.run
    return without_nothing(
        {
            "PipelineExecutionArn": execution.arn,
            "StartTime": timestamp(run["run_after"]),
            "PipelineExecutionStatus": execution_status(run, completed_with_failures=handled),
            "PipelineExecutionDescription": description(run["note"]),
            "PipelineExecutionDisplayName": (run["conf"] or {}).get(DISPLAY_NAME),
        }
    )


async def _completed_with_failures(airflow: AirflowClient, dag_id: str, runs: list[Any]) -> set[str]:
    """Return those of some runs of a DAG whose every failed step was waited for; one question for all of them."""
    ended = [run for run in runs if run["state"] in ("success", "failed")]
    if not ended:
        return set()
    times = sorted(run["run_after"] for run in ended)
    run_id = ended[0]["dag_run_id"] if len(ended) == 1 else "~"
    found = await airflow.all(
        "xcom_entries",
        *("dags", dag_id, "dagRuns", run_id, "taskInstances", "~", "xcomEntries"),
        xcom_key=COMPLETED_WITH_FAILURES_KEY,
        run_after_gte=times[0],
        run_after_lte=times[-1],
    )
    return {str(entry["run_id"]) for entry in found}


async def list_parameters(airflow: AirflowClient, request: forms.ExecutionPage) -> JsonObject:
    """List the parameters of an execution with their values, also those that have the default."""
    execution = await Finder(airflow).execution(read_execution(request.execution))
    defaults = {name: param.get("value") for name, param in execution.dag.params.items()}
    values = {**defaults, **(execution.run["conf"] or {})}
    parameters: list[Json] = [
        {"Name": name, "Value": value_as_text(values[name])}
        for name in execution.dag.params
        if name not in ALL_OPTIONS and values[name] is not None
    ]
    first = _offset(request.next_token)
    last = first + request.most
    return without_nothing(
        {"PipelineParameters": parameters[first:last], "NextToken": str(last) if last < len(parameters) else None}
    )


async def steps(airflow: AirflowClient, request: forms.StepsPage) -> JsonObject:
    """List the steps of an execution that have started, the last one first unless the request says otherwise."""
    execution = await Finder(airflow).execution(read_execution(request.execution))
    first = _offset(request.next_token)
    found, more = await list_steps(airflow, execution, first, request.most, newest_first=request.order == "Descending")
    return without_nothing({"PipelineExecutionSteps": found, "NextToken": str(first + request.most) if more else None})


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not (token.isascii() and token.isdigit()):
        raise invalid("NextToken: it is not one that this operation has returned")
    return int(token)


async def describe_definition(airflow: AirflowClient, request: forms.OfExecution) -> JsonObject:
    """Refuse: the API server has no definitions."""
    await Finder(airflow).execution(read_execution(request.execution))
    raise invalid(
        "DescribePipelineDefinitionForExecution is not supported: the definition is a file beside the DAG's, which "
        "Airflow's API server does not have"
    )


def without_nothing(members: Mapping[str, Json]) -> JsonObject:
    """Return the members that say something: the API has no nulls, and no empty texts."""
    return {name: value for name, value in members.items() if value not in (None, "")}
