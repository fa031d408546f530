"""What the task of a step does around its work, whatever the step's type; runs in the worker.

Apart from the operators, since every Airflow process that loads a DAG file loads those, and only a running task takes
this course.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store
from airflow_sm_pipelines.execution.definition_change import tell_of_change
from airflow_sm_pipelines.execution.fail_step import skip_after_fail_step
from airflow_sm_pipelines.execution.gate import pass_gate
from airflow_sm_pipelines.execution.xcoms import failure_published
from airflow_sm_pipelines.operators.parallel_steps import counted, enter_if_there_is_room
from airflow_sm_pipelines.semantics.given_options import RunOptionError, read_run_options
from airflow_sm_pipelines.semantics.without_effect import without_effect_in_task

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.execution.selection import Part
    from airflow_sm_pipelines.operators.base import StepOperator


@contextmanager
def ending_known_to_others(operator: StepOperator, context: Context) -> Iterator[None]:
    """Publish why the step has failed, and make room for another one when it has ended.

    Args:
        operator: The task.
        context: Airflow's task context.
    """
    with failure_published(context), counted(operator, context):
        yield


def look_back(operator: StepOperator, context: Context) -> None:
    """Deal with what was before this try: a job of another type of step, a change of the definition.

    Args:
        operator: The task.
        context: Airflow's task context.
    """
    if not operator.owns_job and context["ti"].try_number > 1:
        _end_former_job(operator, context)
    # Also of a step that is reused: it notes what the run started with.
    tell_of_change(operator.plan, operator.settings, context, operator.log)


def _end_former_job(operator: StepOperator, context: Context) -> None:
    """Stop the job of an earlier try, which it has left if its step was of a type with jobs then."""
    from airflow_sm_pipelines.execution.recorded_job import end_recorded_job

    became = end_recorded_job(state_store(context), operator.plan.step.name, operator.log, time.sleep)
    if became:
        operator.log.info("The step had another type when its last attempt was made; %s", became)


def part_in_selection(operator: StepOperator, context: Context) -> Part | None:
    """Return what a task does in a run that executes only selected steps; ``None`` in all other runs.

    Args:
        operator: The task.
        context: Airflow's task context.

    Raises:
        StepError: An option of the run has a value that it cannot have, or the selection cannot be executed.
    """
    try:
        options = read_run_options(context["params"])
    except RunOptionError as error:
        raise StepError(operator.plan.step.name, str(error)) from error
    if not options.select_steps:
        return None
    # Most runs have no selection.
    from airflow_sm_pipelines.execution.selection import part_of_task

    return part_of_task(operator.plan, operator.settings, options, context, operator.connection, operator.log)


def enter(operator: StepOperator, context: Context, part: Part | None) -> None:
    """Return when the step may begin.

    Args:
        operator: The task.
        context: Airflow's task context.
        part: What the task does in a run that executes only selected steps.

    Raises:
        AirflowSkipException: An edge of the step does not hold, or a Fail step has ended the run.
        StepError: The step stands in a branch, and its Condition has chosen none.
        airflow.sdk.exceptions.TaskDeferred: There is no room for the step yet.
    """
    pass_gate(operator.plan, operator.settings.task_ids, context, part.outcomes if part else {})
    skip_after_fail_step(operator.plan, operator.settings, context)
    enter_if_there_is_room(operator, context)
    for member in without_effect_in_task(operator.plan, operator.settings.pipeline):
        operator.log.warning("%s", member)


def superseded(operator: StepOperator, context: Context) -> StepError:
    """Return the error of a task that was deferred by a type of step that waits as this one never does.

    Args:
        operator: The task.
        context: Airflow's task context.
    """
    from airflow_sm_pipelines.execution.recorded_job import superseded_step_error

    return superseded_step_error(state_store(context), operator.plan.step.name, operator.log, time.sleep)
