"""Create an Airflow DAG or task group from a pipeline definition: one task per step, one edge per dependency.

Runs at parse time in every Airflow process that loads the DAG file: no network, no boto3, milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, TaskGroup

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError
from airflow_sm_pipelines.execution.airflow_internals.authoring import ParamsDict, make_missing_task
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import LOOP_ITEMS, LOOP_RESULT, PipelineRunSettings, Waiting
from airflow_sm_pipelines.semantics.pipeline_names import name_tags, sagemaker_name
from airflow_sm_pipelines.translation.described_dag import dag_documentation, pipeline_origin
from airflow_sm_pipelines.translation.new_dag import empty_dag, new_dag
from airflow_sm_pipelines.translation.overrides import StepOverrides, wrong_role
from airflow_sm_pipelines.translation.parameters import (
    IN_A_GROUP,
    SCHEDULED,
    airflow_params,
    missing_values,
    redefined_parameters,
    wrong_values,
)
from airflow_sm_pipelines.translation.run_option_params import parameters_named_as_options, run_option_params
from airflow_sm_pipelines.translation.schedules import read_schedule
from airflow_sm_pipelines.translation.source_files import load_beside
from airflow_sm_pipelines.translation.step_tasks import (
    Place,
    RunState,
    StepTasks,
    fail_fast_conflicts,
    loops,
    task_ids,
)
from airflow_sm_pipelines.translation.unknown_arguments import refuse_unknown_arguments
from airflow_sm_pipelines.translation.unsupported_steps import unsupported_steps
from airflow_sm_pipelines.translation.values_of_tasks import (
    group_faults,
    known_values,
    values_without_tasks,
    wait_for_values,
)

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.airflow_internals.authoring import ScheduleArg
    from airflow_sm_pipelines.semantics.schedules.pipeline_schedule import PipelineSchedule
    from airflow_sm_pipelines.translation.step_groups import GroupBy

_PACKAGE = __name__.partition(".")[0]


# The options that both functions share are written out in both, so that editors and `help()` show each of them, with
# its type and its default, and `**dag_kwargs` may stay open; a test holds the two signatures together.
def pipeline_dag(
    source: str | os.PathLike[str] | dict[str, Any],
    *,
    dag_id: str | None = None,
    pipeline_name: str | None = None,
    schedule: ScheduleArg | PipelineSchedule | Sequence[str | PipelineSchedule] = None,
    parameters: Mapping[str, object] | None = None,
    role_arn: str | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    assume_role_arn: str | None = None,
    deferrable: bool = True,
    poll_interval: float = 10.0,
    logs: bool = True,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    completed_with_failures: RunState = "failed",
    max_parallel_steps: int | None = None,
    group_steps_by: GroupBy | None = None,
    **dag_kwargs: Any,
) -> DAG:
    """Create a DAG from a pipeline definition.

    Args:
        source: The definition: a path (relative to the calling file), JSON text, or a dict.
        dag_id: Id of the DAG. Default: the file name without its extension.
        pipeline_name: Value of ``Execution.PipelineName``. Default: the ``PipelineName`` beside the definition, if
            the source has one (see `load_pipeline`), else the DAG id, with a hyphen in place of each character that
            SageMaker does not allow in names.
        schedule: When the pipeline runs by itself: ``at(…)``, ``rate(…)`` or ``cron(…)`` of EventBridge, a
            `PipelineSchedule`, a list of these, or any schedule of Airflow. ``None`` for runs that are started by hand
            or through the API.
        parameters: Values that replace the defaults of pipeline parameters. A parameter with neither must be given
            a value when a run is started.
        role_arn: IAM role for steps that name none, like the pipeline's own role in the service. Default: the
            ``RoleArn`` beside the definition, if the source has one.
        aws_conn_id: Airflow connection to AWS; ``None`` for boto3's own credential chain.
        region_name: AWS region. Default: that of the connection or the environment.
        assume_role_arn: IAM role, e.g. of another account, that makes the calls; the connection's credentials assume
            it. It is not the ``role_arn`` with which AWS runs the jobs.
        deferrable: Free the worker slot while a job runs.
        poll_interval: Seconds between two status checks of a running job.
        logs: Show in the log of a task what its job writes to CloudWatch.
        overrides: Airflow arguments for single tasks, by step name or step type (the name wins), e.g.
            ``{"Training": {"queue": "gpu"}, "Evaluate": {"retries": 2, "aws_conn_id": "other"}}``. Allowed are the
            arguments of ``BaseOperator`` and ``aws_conn_id``, ``region_name``, ``assume_role_arn``, ``verify``,
            ``botocore_config``, ``deferrable``, ``poll_interval``, ``settle``, ``logs``;
            for Lambda steps also ``on_unknown``.
        completed_with_failures: State of a DAG run in which a step failed and steps that wait for the failure ran
            (``CompletedWithFailures`` in the service): ``"failed"`` or ``"success"``.
        max_parallel_steps: How many steps of a run may be in progress at once, unless the run is given another number.
            Default: the ``ParallelismConfiguration`` beside the definition, if the source has one, else no bound.
        group_steps_by: Groups for the graph view, which can fold them: ``"branch"`` for the branches of Conditions,
            ``"prefix"`` for what names have before their first hyphen or underscore, or a list of prefixes. The ids of
            tasks stay the names of the steps.
        dag_kwargs: Any other argument of Airflow's ``DAG``. Default of ``description`` is the ``PipelineDescription``
            beside the definition, if the source has one; default of ``tags`` are ``sagemaker`` and the ``Tags`` beside
            the definition. ``fail_fast=True`` stops the whole run at its first failure, jobs included; by default, as
            in the service, what does not depend on the failed step goes on.

    Raises:
        InvalidDefinitionError: The definition has errors, or a step type that is not supported. The group holds
            every error, each with its JSON path.
        ScheduleError: The schedule is not valid, or can be read in two ways.
        FileNotFoundError: There is no such file.
        TypeError: ``dag_kwargs`` has an argument that neither this function nor ``DAG`` knows.
        ValueError: ``max_parallel_steps`` is no whole number from 1, or ``group_steps_by`` none of these.
    """
    refuse_unknown_arguments(pipeline_dag, [DAG], dag_kwargs)
    file = calling_file()
    pipeline = load_beside(file, source)
    translation = _Translation(
        pipeline,
        airflow_id=dag_id or _id_from_file(pipeline, "dag_id"),
        pipeline_name=pipeline_name,
        values=parameters or {},
        role_arn=role_arn,
        connection=AwsConnection(aws_conn_id, region_name, assume_role_arn=assume_role_arn),
        waiting=Waiting(deferrable=deferrable, poll_interval=poll_interval, logs=logs),
        overrides=StepOverrides(overrides or {}, pipeline.plans),
        completed_with_failures=completed_with_failures,
        max_parallel_steps=max_parallel_steps,
    )
    params = dag_kwargs.pop("params", {})
    dag_schedule = read_schedule(schedule)
    translation.check(
        *(missing_values(pipeline, translation.values, SCHEDULED) if dag_schedule.argument is not None else ()),
        *redefined_parameters(pipeline, params),
        *values_without_tasks(pipeline, translation.values),
        *(fail_fast_conflicts(pipeline.plans) if dag_kwargs.get("fail_fast") else ()),
    )
    dag = empty_dag(pipeline, translation.airflow_id, schedule=dag_schedule, params=params, **dag_kwargs)
    dag.fileloc = file
    dag.doc_md = dag_documentation(dag.doc_md, pipeline, dag_schedule, translation.values, file)
    dag.tags |= set(name_tags(translation.name, dag.dag_id))
    translation.add_tasks({"dag": dag}, group_by=group_steps_by)
    # Last: Airflow copies the params that a DAG has into each new task, which a pipeline has no use for.
    # `get_param`: the items of a ParamsDict are resolved values, which have lost the schema of the author's own Params.
    own = {name: dag.params.get_param(name) for name in dag.params}
    dag.params = ParamsDict({**airflow_params(pipeline, translation.values), **run_option_params(pipeline), **own})
    make_missing_task(dag, partial(removed_step, dag))
    return dag


def pipeline_task_group(
    source: str | os.PathLike[str] | dict[str, Any],
    *,
    group_id: str | None = None,
    pipeline_name: str | None = None,
    parameters: Mapping[str, object] | None = None,
    role_arn: str | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    assume_role_arn: str | None = None,
    deferrable: bool = True,
    poll_interval: float = 10.0,
    logs: bool = True,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    completed_with_failures: RunState = "failed",
    max_parallel_steps: int | None = None,
    **group_kwargs: Any,
) -> TaskGroup:
    """Create a task group from a pipeline definition, inside a DAG of your own (``with DAG(...):``).

    A pipeline parameter has the value given here, else that of the DAG's param of the same name, else its default.

    Args:
        source: The definition: a path (relative to the calling file), JSON text, or a dict.
        group_id: Id of the group, and prefix of its task ids. Default: the file name without its extension.
        pipeline_name: Value of ``Execution.PipelineName``. Default: the ``PipelineName`` beside the definition, if
            the source has one (see `load_pipeline`), else the group id, with a hyphen in place of each character that
            SageMaker does not allow in names.
        parameters: Values of pipeline parameters; also the output of a task of the DAG, for which the group waits.
        role_arn: IAM role for steps that name none, like the pipeline's own role in the service. Default: the
            ``RoleArn`` beside the definition, if the source has one.
        aws_conn_id: Airflow connection to AWS; ``None`` for boto3's own credential chain.
        region_name: AWS region. Default: that of the connection or the environment.
        assume_role_arn: IAM role, e.g. of another account, that makes the calls; the connection's credentials assume
            it. It is not the ``role_arn`` with which AWS runs the jobs.
        deferrable: Free the worker slot while a job runs.
        poll_interval: Seconds between two status checks of a running job.
        logs: Show in the log of a task what its job writes to CloudWatch.
        overrides: Airflow arguments for single tasks, by step name or step type, as in `pipeline_dag`.
        completed_with_failures: State of the group's last task when a step failed and steps that wait for the failure
            ran (``CompletedWithFailures`` in the service): ``"failed"`` or ``"success"``.
        max_parallel_steps: How many steps of a run may be in progress at once, unless the run is given another number.
            Default: the ``ParallelismConfiguration`` beside the definition, if the source has one, else no bound.
        group_kwargs: Any other argument of Airflow's ``TaskGroup``. Default of ``tooltip`` is the
            ``PipelineDescription`` beside the definition, if the source has one; the definition's digest is added.

    Raises:
        InvalidDefinitionError: The definition has errors, or a step type that is not supported. The group holds
            every error, each with its JSON path.
        FileNotFoundError: There is no such file.
        TypeError: ``group_kwargs`` has an argument that neither this function nor ``TaskGroup`` knows.
        ValueError: ``max_parallel_steps`` is no whole number from 1.
    """
    refuse_unknown_arguments(pipeline_task_group, [TaskGroup], group_kwargs)
    pipeline = load_beside(calling_file(), source)
    translation = _Translation(
        pipeline,
        airflow_id=group_id or _id_from_file(pipeline, "group_id"),
        pipeline_name=pipeline_name,
        values=parameters or {},
        role_arn=role_arn,
        connection=AwsConnection(aws_conn_id, region_name, assume_role_arn=assume_role_arn),
        waiting=Waiting(deferrable=deferrable, poll_interval=poll_interval, logs=logs),
        overrides=StepOverrides(overrides or {}, pipeline.plans),
        completed_with_failures=completed_with_failures,
        max_parallel_steps=max_parallel_steps,
    )
    # As in the documentation of a DAG: without the digest, Airflow would not see every change of a definition.
    tooltip = (group_kwargs.pop("tooltip", "") or pipeline.resource.description, pipeline_origin(pipeline))
    group_kwargs["tooltip"] = "\n\n".join(filter(None, tooltip))
    group = TaskGroup(translation.airflow_id, **group_kwargs)
    params = group.dag.params
    translation.check(
        *missing_values(pipeline, {*params, *translation.values}, IN_A_GROUP),
        *group_faults(group, translation.values),
    )
    defaults = {parameter.name: parameter.default for parameter in pipeline.parameters if parameter.name not in params}
    translation.add_tasks(
        {"task_group": group, "dag": group.dag}, group.child_id, fixed_values={**defaults, **translation.values}
    )
    wait_for_values(group, translation.values)
    prefix = str(group.child_id(""))  # type: ignore[no-untyped-call]
    make_missing_task(group.dag, partial(removed_step, group.dag, prefix=prefix))
    return group


def check_dag_arguments(arguments: Mapping[str, Any]) -> None:
    """Raise what is wrong with arguments of `pipeline_dag`, whatever the definition: what Airflow's ``DAG`` refuses.

    Args:
        arguments: Keyword arguments of `pipeline_dag`, except ``source`` and ``dag_id``.

    Raises:
        ScheduleError: The schedule is not valid, or can be read in two ways.
        TypeError: There is an argument that neither `pipeline_dag` nor ``DAG`` knows.
    """
    from inspect import signature

    for_dag = {name: arguments[name] for name in arguments if name not in signature(pipeline_dag).parameters}
    new_dag("any", schedule=read_schedule(arguments.get("schedule")), **for_dag)


def calling_file() -> str:
    """Return the file from which this package was called: a DAG file, or a module of the user's."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    return frame.f_code.co_filename


@dataclass(frozen=True, slots=True)
class _Translation:
    """A loaded pipeline with the options of `pipeline_dag` or `pipeline_task_group`.

    Attributes:
        pipeline: The pipeline.
        airflow_id: Id of the DAG or the group.
        pipeline_name: The ``pipeline_name`` given, if any.
        values: The ``parameters`` given.
        role_arn: As in `pipeline_dag`.
        connection: How steps reach AWS.
        waiting: How steps wait for their jobs.
        overrides: Airflow arguments for single tasks.
        completed_with_failures: As in `pipeline_dag`.
        max_parallel_steps: As in `pipeline_dag`.
    """

    pipeline: Pipeline
    airflow_id: str
    pipeline_name: str | None
    values: Mapping[str, object]
    role_arn: str | None
    connection: AwsConnection
    waiting: Waiting
    overrides: StepOverrides
    completed_with_failures: RunState
    max_parallel_steps: int | None

    def __post_init__(self) -> None:
        bound = self.max_parallel_steps
        if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool) or bound < 1):
            raise ValueError(f"max_parallel_steps must be a whole number of at least 1, not {bound!r}")

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.pipeline_name or self.pipeline.resource.name or sagemaker_name(self.airflow_id)

    def check(self, *errors: DefinitionError) -> None:
        """Raise all errors of the pipeline and its options, and those given, at once.

        Raises:
            InvalidDefinitionError: There is at least one.
        """
        _refuse(
            self.pipeline,
            *unsupported_steps(self.pipeline),
            *parameters_named_as_options(self.pipeline),
            *wrong_values(self.pipeline, known_values(self.values)),
            *errors,
            *wrong_role("", self.connection.assume_role_arn),
            *self.overrides.errors(),
        )

    def add_tasks(
        self,
        place: Place,
        child_id: Callable[[str], str] = str,
        fixed_values: Mapping[str, object] | None = None,
        group_by: GroupBy | None = None,
    ) -> None:
        """Add the tasks and their edges to a DAG or a task group.

        Args:
            place: The DAG or task group.
            child_id: Return the task id of a name in that place.
            fixed_values: Values of pipeline parameters that no DAG run can change.
            group_by: What makes a group of steps.
        """
        plans = self.pipeline.plans
        settings = PipelineRunSettings(
            self.pipeline,
            self.name,
            task_ids(plans, LOOP_RESULT, child_id),
            self.role_arn or self.pipeline.resource.role_arn,
            fixed_values or {},
            task_ids(loops(plans), LOOP_ITEMS, child_id),
            self.airflow_id,
            child_id(""),
            self.max_parallel_steps or self.pipeline.resource.max_parallel_steps,
        )
        StepTasks(
            plans,
            settings,
            connection=self.connection,
            waiting=self.waiting,
            overrides=self.overrides,
            completed_with_failures=self.completed_with_failures,
            likely_values=self.values,
            group_by=group_by,
        ).add_to(place)


def removed_step(dag: DAG, task_id: str, prefix: str = "") -> BaseOperator | None:
    """Add the task of a step that the definition does not have any more.

    Args:
        dag: The DAG.
        task_id: Id of the task.
        prefix: Prefix of the task ids of the task group that may have had it.

    Returns:
        The task, ``None`` if the id has another prefix.
    """
    # Hardly any process needs it.
    from airflow_sm_pipelines.operators.removed_step import RemovedStepOperator

    return RemovedStepOperator(task_id=task_id, dag=dag) if task_id.startswith(prefix) else None


def _refuse(pipeline: Pipeline, *errors: DefinitionError) -> None:
    if errors:
        raise InvalidDefinitionError(pipeline.source, errors)


def _id_from_file(pipeline: Pipeline, argument: str) -> str:
    if pipeline.source.startswith("<"):
        _refuse(
            pipeline,
            DefinitionError("", f"{argument} is required when the definition is not a file", f"pass {argument}=..."),
        )
    return Path(pipeline.source).stem
