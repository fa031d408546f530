"""From a pipeline definition to an Airflow DAG or task group: one task per step, one edge per dependency.

Runs at parse time in every Airflow process that loads the DAG file: no network, no boto3, milliseconds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, TaskGroup
from airflow.sdk.definitions.param import ParamsDict

from airflow_sm_pipelines.definition.graph import StepPlan, plan_steps
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import MISSING, Parameter, ParameterValueError, Pipeline
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError, UnsupportedStepTypeError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator
from airflow_sm_pipelines.overrides import StepOverrides
from airflow_sm_pipelines.semantics.readiness import needs_gate
from airflow_sm_pipelines.step_operators import STEP_OPERATORS, step_operator

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
    role_arn: str | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    deferrable: bool = True,
    poll_interval: float = 30.0,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    completed_with_failures: str = "failed",
    **dag_kwargs: Any,
) -> DAG:
    """Make the DAG of a pipeline definition.

    Args:
        source: The definition: a path (relative paths start at the calling file), JSON text, or a dict.
        dag_id: Id of the DAG; by default the file's name without its ending.
        pipeline_name: What ``Execution.PipelineName`` means; by default the DAG's id, with hyphens for what SageMaker
            does not allow in names.
        schedule: Airflow's schedule; ``None`` for runs started by hand or by API only.
        parameters: Values that replace the defaults of pipeline parameters. A parameter without either must be
            given when a run is started.
        role_arn: IAM role for the steps that name none, as the pipeline's own role is for the service.
        aws_conn_id: Airflow connection to AWS; ``None`` for boto3's own credential chain.
        region_name: AWS region; by default that of the connection or the environment.
        deferrable: Give worker slots back while jobs run.
        poll_interval: Seconds between two looks at a running job.
        overrides: Airflow arguments of single tasks, by step name or step type (the name wins), e.g.
            ``{"Training": {"queue": "gpu"}, "Evaluate": {"retries": 2, "aws_conn_id": "other"}}``. Besides arguments
            of ``BaseOperator``: ``aws_conn_id``, ``region_name``, ``deferrable``, ``poll_interval``, ``settle``.
        completed_with_failures: What a DAG run is when a step failed and others, waiting for that, have run: what
            the service calls ``CompletedWithFailures``. ``"failed"`` or ``"success"``.
        dag_kwargs: Any other argument of Airflow's ``DAG``.

    Raises:
        InvalidDefinitionError: The definition has errors, or a step that this version cannot run; all of them at
            once, each with its JSON path.
    """
    calling_file = sys._getframe(1).f_code.co_filename
    pipeline = load_pipeline(source, base_folder=Path(calling_file).parent)
    name = dag_id or _name_of_source(pipeline, "dag_id")
    plans, values, params = plan_steps(pipeline), parameters or {}, dag_kwargs.pop("params", {})
    task_overrides = StepOverrides(overrides or {}, plans)
    _refuse(
        pipeline,
        *_unsupported_steps(plans),
        *_wrong_values(pipeline, values),
        *(_missing_values(pipeline, values, _SCHEDULED) if schedule is not None else ()),
        *_redefined_parameters(pipeline, params),
        *task_overrides.errors(),
    )
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
    task_ids = {plan.step.name: plan.step.name for plan in plans}
    _Tasks(
        plans=plans,
        settings=PipelineRunSettings(pipeline, pipeline_name or _pipeline_name(name), task_ids, role_arn),
        connection=AwsConnection(aws_conn_id, region_name),
        waiting=Waiting(deferrable=deferrable, poll_interval=poll_interval),
        overrides=task_overrides,
        completed_with_failures=completed_with_failures,
    ).add_to({"dag": dag})
    # Last: Airflow copies the params that a DAG has into each new task, which a pipeline has no use for.
    dag.params = ParamsDict({**_params(pipeline, values), **dag.params})
    return dag


def pipeline_task_group(
    source: str | os.PathLike[str] | dict[str, Any],
    *,
    group_id: str | None = None,
    pipeline_name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    role_arn: str | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    deferrable: bool = True,
    poll_interval: float = 30.0,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    completed_with_failures: str = "failed",
    **group_kwargs: Any,
) -> TaskGroup:
    """Make a task group of a pipeline definition, inside a DAG of your own (``with DAG(...):``).

    A pipeline parameter has the value given here, else that of the DAG's param of the same name, else its default.

    Args:
        source: The definition, as for `pipeline_dag`.
        group_id: Id of the group, and prefix of its task ids; by default the file's name without its ending.
        pipeline_name: What ``Execution.PipelineName`` means; by default the group's id.
        parameters: Values of pipeline parameters.
        role_arn: As for `pipeline_dag`, as all that follow.
        aws_conn_id: Airflow connection to AWS.
        region_name: AWS region.
        deferrable: Give worker slots back while jobs run.
        poll_interval: Seconds between two looks at a running job.
        overrides: Airflow arguments of single tasks, by step name or step type.
        completed_with_failures: ``"failed"`` or ``"success"``.
        group_kwargs: Any other argument of Airflow's ``TaskGroup``.

    Raises:
        InvalidDefinitionError: The definition has errors, or a step that this version cannot run.
    """
    calling_file = sys._getframe(1).f_code.co_filename
    pipeline = load_pipeline(source, base_folder=Path(calling_file).parent)
    name = group_id or _name_of_source(pipeline, "group_id")
    plans, values = plan_steps(pipeline), parameters or {}
    task_overrides = StepOverrides(overrides or {}, plans)
    group = TaskGroup(name, **group_kwargs)
    params = group.dag.params
    _refuse(
        pipeline,
        *_unsupported_steps(plans),
        *_wrong_values(pipeline, values),
        *_missing_values(pipeline, {**params, **values}, _IN_A_GROUP),
        *task_overrides.errors(),
    )
    defaults = {parameter.name: parameter.default for parameter in pipeline.parameters if parameter.name not in params}
    task_ids = {plan.step.name: group.child_id(plan.step.name) for plan in plans}  # type: ignore[no-untyped-call]
    _Tasks(
        plans=plans,
        settings=PipelineRunSettings(
            pipeline, pipeline_name or _pipeline_name(name), task_ids, role_arn, {**defaults, **values}
        ),
        connection=AwsConnection(aws_conn_id, region_name),
        waiting=Waiting(deferrable=deferrable, poll_interval=poll_interval),
        overrides=task_overrides,
        completed_with_failures=completed_with_failures,
    ).add_to({"task_group": group, "dag": group.dag})
    return group


@dataclass(frozen=True, slots=True)
class _Tasks:
    """The tasks of a pipeline, to be added to a DAG or to a group of one."""

    plans: tuple[StepPlan, ...]
    settings: PipelineRunSettings
    connection: AwsConnection
    waiting: Waiting
    overrides: StepOverrides
    completed_with_failures: str

    def add_to(self, place: Mapping[str, Any]) -> None:
        """Make the tasks and their edges; ``place`` holds the operators' arguments ``dag`` and ``task_group``."""
        tasks: dict[str, StepOperator] = {}
        for plan in self.plans:
            connection, waiting, arguments = self.overrides.of(plan.step, self.connection, self.waiting)
            tasks[plan.step.name] = step_operator(plan.step.type)(
                task_id=plan.step.name,
                plan=plan,
                settings=self.settings,
                connection=connection,
                waiting=waiting,
                **place,
                **arguments,
            )
        for plan in self.plans:
            if plan.edges:
                tasks[plan.step.name].set_upstream([tasks[edge.upstream] for edge in plan.edges])
        if any(needs_gate(plan) for plan in self.plans):
            status = PipelineStatusOperator(
                task_id=_free_id(_STATUS_TASK_ID, tasks),
                plans=self.plans,
                settings=self.settings,
                completed_with_failures=self.completed_with_failures,
                **place,
            )
            status.set_upstream(list(tasks.values()))


def _refuse(pipeline: Pipeline, *errors: DefinitionError) -> None:
    if errors:
        raise InvalidDefinitionError(pipeline.source, errors)


def _name_of_source(pipeline: Pipeline, argument: str) -> str:
    if pipeline.source.startswith("<"):
        _refuse(pipeline, DefinitionError("", "a definition that is not a file has no name", f"pass {argument}=..."))
    return Path(pipeline.source).stem


def _pipeline_name(airflow_id: str) -> str:
    """Return an Airflow id as SageMaker names things: letters, digits and inner hyphens (CreatePipeline)."""
    return re.sub(r"[^A-Za-z0-9]+", "-", airflow_id).strip("-") or "pipeline"


def _unsupported_steps(plans: tuple[StepPlan, ...]) -> list[DefinitionError]:
    return [
        UnsupportedStepTypeError(
            f"{plan.step.path}.Type",
            f"step {plan.step.name} is of type {plan.step.type}, which this version cannot run",
            f"it runs {', '.join(sorted(STEP_OPERATORS))}",
        )
        for plan in plans
        if plan.step.type not in STEP_OPERATORS
    ]


def _wrong_values(pipeline: Pipeline, values: Mapping[str, Any]) -> list[DefinitionError]:
    """Check the values that the DAG file gives to pipeline parameters."""
    declared = {parameter.name: f"Parameters[{index}]" for index, parameter in enumerate(pipeline.parameters)}
    errors = []
    for name, value in values.items():
        if name not in declared:
            known = f"declared are: {', '.join(declared) or 'none'}"
            errors.append(DefinitionError("Parameters", f"there is no parameter {name}", known))
            continue
        try:
            pipeline.parameter(name).coerce(value)
        except ParameterValueError as error:
            errors.append(DefinitionError(declared[name], str(error)))
    return sorted(errors, key=lambda error: error.path)


_SCHEDULED = ("so a scheduled run cannot start", "or leave out the schedule")
_IN_A_GROUP = ("and the DAG has no param of that name", "or give the DAG such a param")


def _missing_values(
    pipeline: Pipeline, values: Mapping[str, Any], circumstance: tuple[str, str]
) -> list[DefinitionError]:
    """Check that every parameter will have a value in every run."""
    consequence, cure = circumstance
    return [
        DefinitionError(
            f"Parameters[{index}]",
            f"parameter {parameter.name} has no default value, {consequence}",
            f"pass parameters={{{parameter.name!r}: ...}}, {cure}",
        )
        for index, parameter in enumerate(pipeline.parameters)
        if parameter.default is MISSING and parameter.name not in values
    ]


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
