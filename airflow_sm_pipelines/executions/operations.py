"""The operations: what SageMaker's API says of executions, said of Airflow's runs."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from airflow_sm_pipelines.aws_json import RefusedRequestError, invalid
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.xcoms import COMPLETED_WITH_FAILURES_KEY
from airflow_sm_pipelines.executions import forms
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.metadata import value_as_text
from airflow_sm_pipelines.executions.pipelines import Execution, Finder, PipelineDag
from airflow_sm_pipelines.executions.references import is_execution_arn, read_execution, read_pipeline
from airflow_sm_pipelines.executions.statuses import (
    EXECUTING,
    FAILED,
    STOPPED,
    description,
    execution_status,
    is_stopped,
    note_of_stop,
    timestamp,
)
from airflow_sm_pipelines.executions.steps import list_steps
from airflow_sm_pipelines.semantics.run_options import (
    CACHE,
    DISPLAY_NAME,
    LATEST_RUN,
    MAX_PARALLEL_STEPS,
    NO_RUN,
    RUN_OPTIONS,
    SELECT_STEPS,
    SOURCE_RUN,
)

_LONGEST_REASON = 1300
_FAIL_OPERATOR = "FailOperator"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Attributes:
        form: The form of its requests.
        answer: Returns its answer.
    """

    form: type[BaseModel]
    answer: Callable[[AirflowClient, Any], Awaitable[JsonObject]]


# -- start -------------------------------------------------------------------------------------------------------------


async def start(airflow: AirflowClient, request: forms.Start) -> JsonObject:
    """Start a run; the same ``ClientRequestToken`` again returns the run that it has started."""
    _refuse_unsupported(request)
    finder = Finder(airflow)
    dag = await finder.pipeline(read_pipeline(request.pipeline))
    if dag.is_paused:
        raise RefusedRequestError(
            "ConflictException", f"the DAG {dag.dag_id} is paused: unpause it in Airflow, else its runs do not begin"
        )
    conf = {**_parameters(request, dag), **await _options(request, finder)}
    run_id = f"start__{request.token or uuid.uuid4()}"
    body = {"dag_run_id": run_id, "logical_date": None, "conf": conf, "note": request.description}
    run = await _run_of_same_request(airflow, dag, run_id, conf) if request.token else None
    try:
        run = run or await airflow.post("dags", dag.dag_id, "dagRuns", body=body)
    except RefusedRequestError as error:  # the same request has come twice at the same time
        run = await _run_of_same_request(airflow, dag, run_id, conf) if error.code == "ConflictException" else None
        if run is None:
            raise
    execution = await finder.execution_of_run(dag, run)
    return {"PipelineExecutionArn": execution.arn}


async def _run_of_same_request(
    airflow: AirflowClient, dag: PipelineDag, run_id: str, conf: Mapping[str, Any]
) -> Any | None:
    run = await airflow.find("dags", dag.dag_id, "dagRuns", run_id)
    if run is not None and (run["conf"] or {}) != conf:
        raise RefusedRequestError(
            "ConflictException", "ClientRequestToken: it has started an execution with other arguments"
        )
    return run


_UNSUPPORTED = {
    "version": "Airflow runs the newest version of the definition",
    "version_alias": "Airflow runs the newest version of the definition",
    "role": "the role is that of the DAG: pipeline_dag(role_arn=...)",
    "mlflow_experiment": "Airflow has no such option of a run",
}


def _refuse_unsupported(request: forms.Unsupported) -> None:
    for field, reason in _UNSUPPORTED.items():
        if getattr(request, field) is not None:
            raise invalid(f"{type(request).model_fields[field].alias} is not supported: {reason}")


def _parameters(request: forms.Start, dag: PipelineDag) -> dict[str, Any]:
    values: dict[str, Any] = {}
    known = [name for name in dag.params if name not in RUN_OPTIONS or name == CACHE]
    for index, parameter in enumerate(request.parameters or []):
        if parameter.name not in known:
            declared = ", ".join(name for name in known if name != CACHE) or "none"
            raise invalid(
                f"PipelineParameters[{index}]: the pipeline has no parameter {parameter.name!r}; it has: {declared}"
            )
        if parameter.name in values:
            raise invalid(f"PipelineParameters[{index}]: {parameter.name!r} is there twice")
        values[parameter.name] = parameter.value
    return values


async def _options(request: forms.Start, finder: Finder) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.display_name is not None:
        options[DISPLAY_NAME] = request.display_name
    if request.parallelism is not None:
        options[MAX_PARALLEL_STEPS] = request.parallelism.most_steps
    if request.selection is not None:
        options[SELECT_STEPS] = [step.name for step in request.selection.steps]
        options[SOURCE_RUN] = await _source_run(request.selection.source, finder)
    return options


async def _source_run(arn: str | None, finder: Finder) -> str:
    """Return the value of `SOURCE_RUN`: the run of this Airflow that an ARN names, else the ARN of SageMaker's."""
    if not arn:
        return NO_RUN
    try:
        execution = await finder.execution(read_execution(arn))
    except RefusedRequestError as error:
        if error.code != "ResourceNotFound":
            raise
        return arn
    return str(execution.run["dag_run_id"])


# -- describe and list -------------------------------------------------------------------------------------------------


async def describe(airflow: AirflowClient, request: forms.OfExecution) -> JsonObject:
    """Describe an execution."""
    finder = Finder(airflow)
    execution = await finder.execution(read_execution(request.execution))
    run, conf = execution.run, execution.run["conf"] or {}
    handled = await _completed_with_failures(airflow, execution.dag.dag_id, [run])
    status = execution_status(run, completed_with_failures=bool(handled))
    reason = await _failure_reason(airflow, execution) if run["state"] == "failed" and status != STOPPED else ""
    changes = [run[name] for name in ("end_date", "start_date", "run_after") if run[name]]
    return _without_nothing(
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
        }
    )


async def _failure_reason(airflow: AirflowClient, execution: Execution) -> str:
    tasks = await airflow.all("task_instances", *execution.path, "taskInstances", state="failed")
    names = dict.fromkeys(str(task["task_id"]) for task in tasks if task["operator"] != "PipelineStatusOperator")
    return f"Step failure: {', '.join(names)}"[:_LONGEST_REASON] if names else "No step has failed; see Airflow's run"


def _user(name: str | None) -> JsonObject | None:
    return {"UserProfileName": name} if name else None


def _parallelism(conf: Mapping[str, Any]) -> JsonObject | None:
    most = conf.get(MAX_PARALLEL_STEPS)
    return {"MaxParallelExecutionSteps": most} if most else None


async def _selection(airflow: AirflowClient, finder: Finder, execution: Execution) -> JsonObject | None:
    conf = execution.run["conf"] or {}
    if not conf.get(SELECT_STEPS):
        return None
    source = str(conf.get(SOURCE_RUN) or "")
    if not is_execution_arn(source):
        run = await airflow.find(*execution.path[:3], source) if source not in ("", LATEST_RUN, NO_RUN) else None
        source = (await finder.execution_of_run(execution.dag, run)).arn if run else ""
    steps: list[Json] = [{"StepName": name} for name in conf[SELECT_STEPS]]
    return _without_nothing({"SourcePipelineExecutionArn": source, "SelectedSteps": steps})


async def list_executions(airflow: AirflowClient, request: forms.ExecutionsPage) -> JsonObject:
    """List the executions of a pipeline, the newest first unless the request says otherwise."""
    if request.version_alias is not None:
        raise invalid(f"PipelineVersionAlias is not supported: {_UNSUPPORTED['version_alias']}")
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
    return _without_nothing({"PipelineExecutionSummaries": summaries, "NextToken": page["next_cursor"]})


def _summary(execution: Execution, *, handled: bool) -> JsonObject:
    run = execution.run
    return _without_nothing(
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
        if name not in RUN_OPTIONS and values[name] is not None
    ]
    first = _offset(request.next_token)
    last = first + request.most
    return _without_nothing(
        {"PipelineParameters": parameters[first:last], "NextToken": str(last) if last < len(parameters) else None}
    )


async def steps(airflow: AirflowClient, request: forms.StepsPage) -> JsonObject:
    """List the steps of an execution that have started, the last one first unless the request says otherwise."""
    execution = await Finder(airflow).execution(read_execution(request.execution))
    first = _offset(request.next_token)
    found, more = await list_steps(airflow, execution, first, request.most, newest_first=request.order == "Descending")
    return _without_nothing({"PipelineExecutionSteps": found, "NextToken": str(first + request.most) if more else None})


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not (token.isascii() and token.isdigit()):
        raise invalid("NextToken: it is not one that this operation has returned")
    return int(token)


# -- stop and retry ----------------------------------------------------------------------------------------------------


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
    if request.parallelism is not None:
        raise invalid("ParallelismConfiguration is not supported here: the run keeps the options that it began with")
    execution = await Finder(airflow).execution(read_execution(request.execution))
    if execution_status(execution.run, completed_with_failures=False) not in (FAILED, STOPPED):
        raise RefusedRequestError("ConflictException", "only an execution that failed or was stopped can be retried")
    tasks = await airflow.all("task_instances", *execution.path, "taskInstances")
    fail_steps = sorted(t["task_id"] for t in tasks if t["operator"] == _FAIL_OPERATOR and t["state"] == "failed")
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
    await airflow.post("dags", execution.dag.dag_id, "clearTaskInstances", body=body)
    if is_stopped(execution.run):
        await airflow.patch(*execution.path, body={"note": description(execution.run["note"])})
    return {"PipelineExecutionArn": execution.arn}


def _task_key(task: Mapping[str, Any]) -> str | list[Any]:
    return str(task["task_id"]) if task["map_index"] < 0 else [task["task_id"], task["map_index"]]


async def describe_definition(airflow: AirflowClient, request: forms.OfExecution) -> JsonObject:
    """Refuse: the API server has no definitions."""
    await Finder(airflow).execution(read_execution(request.execution))
    raise invalid(
        "DescribePipelineDefinitionForExecution is not supported: the definition is a file beside the DAG's, which "
        "Airflow's API server does not have"
    )


def _without_nothing(members: Mapping[str, Json]) -> JsonObject:
    """Return the members that say something: the API has no nulls, and no empty texts."""
    return {name: value for name, value in members.items() if value not in (None, "")}


OPERATIONS: Mapping[str, Operation] = {
    "StartPipelineExecution": Operation(forms.Start, start),
    "DescribePipelineExecution": Operation(forms.OfExecution, describe),
    "ListPipelineExecutions": Operation(forms.ExecutionsPage, list_executions),
    "ListPipelineExecutionSteps": Operation(forms.StepsPage, steps),
    "ListPipelineParametersForExecution": Operation(forms.ExecutionPage, list_parameters),
    "StopPipelineExecution": Operation(forms.Stop, stop),
    "RetryPipelineExecution": Operation(forms.Retry, retry),
    "DescribePipelineDefinitionForExecution": Operation(forms.OfExecution, describe_definition),
}
"""The operations by name."""
