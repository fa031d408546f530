"""From a pipeline definition to an Airflow DAG: one task per step, one edge per dependency.

Runs at parse time in every Airflow process that loads the DAG file: no network, no boto3, milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_sm_pipelines.definition.graph import StepPlan, plan_steps
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import MISSING, Parameter, ParameterValueError, Pipeline
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError, UnsupportedStepTypeError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.operators.condition import ConditionOperator
from airflow_sm_pipelines.operators.fail import FailOperator
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator
from airflow_sm_pipelines.operators.processing import ProcessingOperator
from airflow_sm_pipelines.semantics.readiness import needs_gate

OPERATORS: dict[str, type[StepOperator]] = {
    "Condition": ConditionOperator,
    "Fail": FailOperator,
    "Processing": ProcessingOperator,
}

_PARAM_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}
_STATUS_TASK_ID = "pipeline_status"
_EARLIEST_START = datetime(2020, 12, 1, tzinfo=UTC)


def pipeline_dag(
    source: str | os.PathLike[str] | dict[str, Any],
    *,
    dag_id: str | None = None,
    pipeline_name: str | None = None,
    schedule: Any = None,
    parameters: Mapping[str, Any] | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    deferrable: bool = True,
    poll_interval: float = 30.0,
    completed_with_failures: str = "failed",
    **dag_kwargs: Any,
) -> DAG:
    """Make the DAG of a pipeline definition.

    Args:
        source: The definition: a path (relative paths start at the calling file), JSON text, or a dict.
        dag_id: Id of the DAG; by default the file's name without its ending.
        pipeline_name: What ``Execution.PipelineName`` means; by default the DAG's id.
        schedule: Airflow's schedule; ``None`` for runs started by hand or by API only.
        parameters: Values that replace the defaults of pipeline parameters. A parameter without either must be
            given when a run is started.
        aws_conn_id: Airflow connection to AWS; ``None`` for boto3's own credential chain.
        region_name: AWS region; by default that of the connection or the environment.
        deferrable: Give worker slots back while jobs run.
        poll_interval: Seconds between two looks at a running job.
        completed_with_failures: What a DAG run is when a step failed and others, waiting for that, have run: what
            the service calls ``CompletedWithFailures``. ``"failed"`` or ``"success"``.
        dag_kwargs: Any other argument of Airflow's ``DAG``.

    Raises:
        InvalidDefinitionError: The definition has errors, or a step that this version cannot run; all of them at
            once, each with its JSON path.
    """
    calling_file = sys._getframe(1).f_code.co_filename
    pipeline = load_pipeline(source, base_folder=Path(calling_file).parent)
    name = dag_id or _name_of_source(pipeline)
    plans = plan_steps(pipeline)
    params = dag_kwargs.pop("params", {})
    errors = [
        *_unsupported_steps(plans),
        *_parameter_errors(pipeline, parameters or {}, scheduled=schedule is not None),
        *_redefined_parameters(pipeline, params),
    ]
    if errors:
        raise InvalidDefinitionError(pipeline.source, errors)
    if schedule is not None:
        # Without a start date Airflow would never schedule the DAG; with catchup off, any past date will do.
        dag_kwargs.setdefault("start_date", _EARLIEST_START)
    dag = DAG(
        name,
        schedule=schedule,
        params=params,
        # The service starts every step that is ready; Airflow's default of 16 would hold wide pipelines back.
        max_active_tasks=dag_kwargs.pop("max_active_tasks", max(16, len(plans))),
        **dag_kwargs,
    )
    dag.fileloc = calling_file
    # Also beside the user's own text: without the digest, Airflow would not see every change of a definition.
    dag.doc_md = "\n\n".join(filter(None, (dag.doc_md, _documentation(pipeline))))
    settings = PipelineRunSettings(pipeline, pipeline_name or name, {plan.step.name: plan.step.name for plan in plans})
    waiting = Waiting(deferrable=deferrable, poll_interval=poll_interval)
    connection = AwsConnection(aws_conn_id, region_name)
    _add_tasks(dag, plans, settings, connection, waiting, completed_with_failures)
    # Last: Airflow copies the params that a DAG has into each new task, which a pipeline has no use for.
    dag.params = ParamsDict({**_params(pipeline, parameters or {}), **dag.params})
    return dag


def _add_tasks(
    dag: DAG,
    plans: tuple[StepPlan, ...],
    settings: PipelineRunSettings,
    connection: AwsConnection,
    waiting: Waiting,
    completed_with_failures: str,
) -> None:
    tasks: dict[str, StepOperator] = {}
    for plan in plans:
        tasks[plan.step.name] = OPERATORS[plan.step.type](
            task_id=settings.task_ids[plan.step.name],
            plan=plan,
            settings=settings,
            connection=connection,
            waiting=waiting,
            dag=dag,
        )
    for plan in plans:
        if plan.edges:
            tasks[plan.step.name].set_upstream([tasks[edge.upstream] for edge in plan.edges])
    if any(needs_gate(plan) for plan in plans):
        status = PipelineStatusOperator(
            task_id=_free_id(_STATUS_TASK_ID, tasks),
            plans=plans,
            settings=settings,
            completed_with_failures=completed_with_failures,
            dag=dag,
        )
        status.set_upstream(list(tasks.values()))


def _name_of_source(pipeline: Pipeline) -> str:
    stem = Path(pipeline.source).stem
    if pipeline.source.startswith("<"):
        raise InvalidDefinitionError(
            pipeline.source, [DefinitionError("", "a definition that is not a file has no name", "pass dag_id=...")]
        )
    return stem


def _unsupported_steps(plans: tuple[StepPlan, ...]) -> list[DefinitionError]:
    return [
        UnsupportedStepTypeError(
            f"{plan.step.path}.Type",
            f"step {plan.step.name} is of type {plan.step.type}, which this version cannot run",
            f"it runs {', '.join(sorted(OPERATORS))}",
        )
        for plan in plans
        if plan.step.type not in OPERATORS
    ]


def _parameter_errors(pipeline: Pipeline, values: Mapping[str, Any], *, scheduled: bool) -> list[DefinitionError]:
    """Check the values given to `pipeline_dag`, and that a scheduled run will have a value for each parameter."""
    declared = {parameter.name: parameter for parameter in pipeline.parameters}
    errors = [
        DefinitionError("Parameters", f"there is no parameter {name}", f"declared are: {', '.join(declared) or 'none'}")
        for name in values
        if name not in declared
    ]
    for index, parameter in enumerate(pipeline.parameters):
        path = f"Parameters[{index}]"
        if parameter.name in values:
            try:
                parameter.coerce(values[parameter.name])
            except ParameterValueError as error:
                errors.append(DefinitionError(path, str(error)))
        elif scheduled and parameter.default is MISSING:
            message = f"parameter {parameter.name} has no default value, so a scheduled run cannot start"
            hint = f"pass parameters={{{parameter.name!r}: ...}}, or leave out the schedule"
            errors.append(DefinitionError(path, message, hint))
    return errors


def _redefined_parameters(pipeline: Pipeline, params: Mapping[str, Any]) -> list[DefinitionError]:
    return [
        DefinitionError(
            f"Parameters[{index}]",
            f"params= redefines the pipeline parameter {parameter.name}",
            "give its value in parameters={...}; params= is for Airflow params of your own",
        )
        for index, parameter in enumerate(pipeline.parameters)
        if parameter.name in params
    ]


def _params(pipeline: Pipeline, values: Mapping[str, Any]) -> dict[str, Param]:
    return {parameter.name: _param(parameter, values) for parameter in pipeline.parameters}


def _param(parameter: Parameter, values: Mapping[str, Any]) -> Param:
    schema: dict[str, Any] = {"type": _PARAM_TYPES[parameter.type]}
    if parameter.enum_values is not None:
        schema["enum"] = list(parameter.enum_values)
    if parameter.description:
        schema["description"] = parameter.description
    if parameter.name in values:
        return Param(parameter.coerce(values[parameter.name]), **schema)
    return Param(**schema) if parameter.default is MISSING else Param(parameter.default, **schema)


def _documentation(pipeline: Pipeline) -> str:
    """Describe where the DAG comes from; the digest makes Airflow see changes of a definition as a new version."""
    steps = f"{len(pipeline.steps)} step{'' if len(pipeline.steps) == 1 else 's'}"
    return f"SageMaker pipeline definition `{Path(pipeline.source).name}`, {steps}.\n\nsha256 `{pipeline.digest}`"


def _free_id(wanted: str, taken: Mapping[str, Any]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted
