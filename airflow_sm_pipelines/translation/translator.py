"""From a pipeline definition to an Airflow DAG or task group: one task per step, one edge per dependency.

Runs at parse time in every Airflow process that loads the DAG file: no network, no boto3, milliseconds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import DAG, TaskGroup

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.graph import StepPlan, plan_steps
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline, Trigger
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError, UnsupportedStepTypeError
from airflow_sm_pipelines.execution.airflow_internals.authoring import ParamsDict
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import LOOP_ITEMS, LOOP_RESULT, PipelineRunSettings, Waiting
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator
from airflow_sm_pipelines.semantics.readiness import needs_gate
from airflow_sm_pipelines.translation.overrides import StepOverrides
from airflow_sm_pipelines.translation.parameters import (
    IN_A_GROUP,
    SCHEDULED,
    airflow_params,
    missing_values,
    redefined_parameters,
    wrong_values,
)

if TYPE_CHECKING:
    from airflow_sm_pipelines.translation.loop_group import Loop

_STATUS_TASK_ID = "pipeline_status"
_LOOP = "ForEach"
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
            of ``BaseOperator``: ``aws_conn_id``, ``region_name``, ``verify``, ``botocore_config``, ``deferrable``,
            ``poll_interval``, ``settle``; of Lambda steps ``on_unknown``.
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
        *wrong_values(pipeline, values),
        *(missing_values(pipeline, values, SCHEDULED) if schedule is not None else ()),
        *redefined_parameters(pipeline, params),
        *task_overrides.errors(),
    )
    dag = _empty_dag(name, pipeline, schedule=schedule, params=params, **dag_kwargs)
    dag.fileloc = calling_file
    _Tasks(
        plans=plans,
        settings=PipelineRunSettings(
            pipeline,
            pipeline_name or _pipeline_name(name),
            _task_ids(plans, LOOP_RESULT),
            role_arn,
            first_task_ids=_task_ids(_loops(plans), LOOP_ITEMS),
        ),
        connection=AwsConnection(aws_conn_id, region_name),
        waiting=Waiting(deferrable=deferrable, poll_interval=poll_interval),
        overrides=task_overrides,
        completed_with_failures=completed_with_failures,
    ).add_to({"dag": dag})
    # Last: Airflow copies the params that a DAG has into each new task, which a pipeline has no use for.
    # `get_param`: the items of a ParamsDict are resolved values, which have lost what the author's own Params demand.
    own = {name: dag.params.get_param(name) for name in dag.params}
    dag.params = ParamsDict({**airflow_params(pipeline, values), **own})
    return dag


def _empty_dag(name: str, pipeline: Pipeline, *, schedule: Any, **dag_kwargs: Any) -> DAG:
    """Return the pipeline's DAG without its tasks and parameters."""
    if schedule is not None:
        # Without a start date Airflow would never schedule the DAG; with catchup off, any past date will do.
        dag_kwargs.setdefault("start_date", _EARLIEST_START)
    # The service starts every step that is ready; Airflow's default of 16 would hold wide pipelines back.
    dag_kwargs.setdefault("max_active_tasks", max(16, _most_at_once(plan_steps(pipeline))))
    dag = DAG(name, schedule=schedule, **dag_kwargs)
    # Also beside the user's own text: without the digest, Airflow would not see every change of a definition.
    dag.doc_md = "\n\n".join(filter(None, (dag.doc_md, _documentation(pipeline))))
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
        *wrong_values(pipeline, values),
        *missing_values(pipeline, {*params, *values}, IN_A_GROUP),
        *task_overrides.errors(),
    )
    defaults = {parameter.name: parameter.default for parameter in pipeline.parameters if parameter.name not in params}
    _Tasks(
        plans=plans,
        settings=PipelineRunSettings(
            pipeline,
            pipeline_name or _pipeline_name(name),
            _task_ids(plans, LOOP_RESULT, group.child_id),
            role_arn,
            {**defaults, **values},
            _task_ids(_loops(plans), LOOP_ITEMS, group.child_id),
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
        own_plans = [plan for plan in self.plans if plan.body_of is None]
        last = {
            plan.step.name: self.make_task(plan, plan.step.name, **place)
            for plan in own_plans
            if plan.step.type != _LOOP
        }
        first = dict(last)
        for plan in _loops(own_plans):
            loop = self._loop(plan).add_to(place)
            first |= {plan.step.name: loop.items, **loop.body}
            last[plan.step.name] = loop.result
        for plan in self.plans:
            upstream = [last[name] for name in self._upstream_names(plan)]
            if upstream:
                first[plan.step.name].set_upstream(upstream)
        if any(needs_gate(plan) for plan in own_plans):
            status = PipelineStatusOperator(
                task_id=_free_id(_STATUS_TASK_ID, self.settings.task_ids),
                plans=own_plans,
                settings=self.settings,
                completed_with_failures=self.completed_with_failures,
                **place,
            )
            status.set_upstream(list(last.values()))

    def make_task(
        self, plan: StepPlan, task_id: str, operator: type[StepOperator] | None = None, **given: Any
    ) -> StepOperator:
        """Make a task of a step, with the user's arguments for it; what is given here wins."""
        connection, waiting, arguments = self.overrides.of(plan.step, self.connection, self.waiting)
        return (operator or CATALOG[plan.step.type].operator_class())(
            task_id=task_id,
            plan=plan,
            settings=self.settings,
            connection=connection,
            waiting=waiting,
            **{**arguments, **given},
        )

    def _upstream_names(self, plan: StepPlan) -> list[str]:
        """Return the steps that a step's task has edges from; inside a ForEach, those outside that need one.

        The ForEach waits for what its body waits for, unless body steps want different outcomes of the same step:
        then it starts in any, and each of them looks for itself.
        """
        if plan.body_of is None:
            return [edge.upstream for edge in plan.edges]
        loop = next(other for other in self.plans if other.step.name == plan.body_of)
        weaker = {edge.upstream for edge in loop.edges if edge.trigger is not Trigger.COMPLETED}
        return [edge.upstream for edge in plan.edges if edge.upstream in weaker]

    def _loop(self, plan: StepPlan) -> Loop:
        # A DAG file pays only for what its own steps need.
        from airflow_sm_pipelines.translation.loop_group import Loop

        _, waiting, arguments = self.overrides.of(plan.step, self.connection, self.waiting)
        return Loop(
            plan=plan,
            body=[body for body in self.plans if body.body_of == plan.step.name],
            settings=self.settings,
            make_task=self.make_task,
            deferrable=waiting.deferrable,
            arguments=arguments,
        )


def _loops(plans: Iterable[StepPlan]) -> list[StepPlan]:
    return [plan for plan in plans if plan.step.type == _LOOP]


def _task_ids(
    plans: Iterable[StepPlan], task_of_loop: str, child_id: Callable[[str], str] = lambda name: name
) -> dict[str, str]:
    """Return the task id of each step; of a ForEach, which is a group, that of one of the group's tasks."""
    return {
        plan.step.name: child_id(plan.step.name) + (f".{task_of_loop}" if plan.step.type == _LOOP else "")
        for plan in plans
    }


def _most_at_once(plans: Sequence[StepPlan]) -> int:
    """Return how many steps can be ready at the same time; those of a loop's body once per open iteration."""
    limits = {plan.step.name: cast("int", plan.step.arguments["MaxConcurrency"]) for plan in _loops(plans)}
    return sum(limits[plan.body_of] if plan.body_of else 1 for plan in plans)


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
            f"it runs {', '.join(sorted(CATALOG))}",
        )
        for plan in plans
        if plan.step.type not in CATALOG
    ]


def _documentation(pipeline: Pipeline) -> str:
    """Describe where the DAG comes from; the digest makes Airflow see changes of a definition as a new version."""
    steps = f"{len(pipeline.steps)} step{'' if len(pipeline.steps) == 1 else 's'}"
    return f"SageMaker pipeline definition `{Path(pipeline.source).name}`, {steps}.\n\nsha256 `{pipeline.digest}`"


def _free_id(wanted: str, taken: Mapping[str, Any]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted
