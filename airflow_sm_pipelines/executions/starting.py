"""StartPipelineExecution: a run of the pipeline's DAG, with the request's parameters and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.aws_json import RefusedRequestError, invalid
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.executions import forms
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.pipelines import Finder, PipelineDag
from airflow_sm_pipelines.executions.references import read_execution, read_pipeline
from airflow_sm_pipelines.semantics.run_options import (
    ALL_OPTIONS,
    CACHE,
    DISPLAY_NAME,
    MAX_PARALLEL_STEPS,
    MLFLOW_EXPERIMENT_NAME,
    NO_RUN,
    SELECT_STEPS,
    SOURCE_RUN,
)


async def start(airflow: AirflowClient, request: forms.Start) -> JsonObject:
    """Start a run; the same ``ClientRequestToken`` again returns the run that it has started."""
    _refuse_unsupported(request)
    finder = Finder(airflow)
    dag = await finder.pipeline(read_pipeline(request.pipeline))
    if dag.is_paused:
        raise RefusedRequestError(
            "ConflictException", f"the DAG {dag.dag_id} is paused: unpause it in Airflow, else its runs do not begin"
        )
    conf = {**_parameters(request, dag), **await _options(request, dag, finder)}
    # Without a token Airflow makes the id.
    run_id = f"start__{request.token}" if request.token else None
    body = {"dag_run_id": run_id, "logical_date": None, "conf": conf, "note": request.description}
    run = await _run_of_same_request(airflow, dag, run_id, conf)
    try:
        run = run or await airflow.post("dags", dag.dag_id, "dagRuns", body=body)
    except RefusedRequestError as error:  # the same request has come twice at the same time
        run = await _run_of_same_request(airflow, dag, run_id, conf) if error.code == "ConflictException" else None
        if run is None:
            raise
    execution = await finder.execution_of_run(dag, run)
    return {"PipelineExecutionArn": execution.arn}


async def _run_of_same_request(
    airflow: AirflowClient, dag: PipelineDag, run_id: str | None, conf: Mapping[str, Any]
) -> Any | None:
    run = await airflow.find("dags", dag.dag_id, "dagRuns", run_id) if run_id else None
    if run is not None and (run["conf"] or {}) != conf:
        raise RefusedRequestError(
            "ConflictException", "ClientRequestToken: it has started an execution with other arguments"
        )
    return run


_UNSUPPORTED = {
    "version": "Airflow runs the newest version of the definition",
    "version_alias": "Airflow runs the newest version of the definition",
    "role": "the role is that of the DAG: pipeline_dag(role_arn=...)",
}


def _refuse_unsupported(request: forms.Unsupported) -> None:
    for field, reason in _UNSUPPORTED.items():
        if getattr(request, field) is not None:
            raise invalid(f"{type(request).model_fields[field].alias} is not supported: {reason}")


def _parameters(request: forms.Start, dag: PipelineDag) -> dict[str, Any]:
    values: dict[str, Any] = {}
    known = [name for name in dag.params if name not in ALL_OPTIONS or name == CACHE]
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


async def _options(request: forms.Start, dag: PipelineDag, finder: Finder) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.display_name is not None:
        options[DISPLAY_NAME] = request.display_name
    if request.parallelism is not None:
        options[MAX_PARALLEL_STEPS] = request.parallelism.most_steps
    if request.mlflow_experiment is not None:
        if MLFLOW_EXPERIMENT_NAME not in dag.params:
            raise invalid("MlflowExperimentName: the pipeline has no MlflowConfig")
        options[MLFLOW_EXPERIMENT_NAME] = request.mlflow_experiment
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
