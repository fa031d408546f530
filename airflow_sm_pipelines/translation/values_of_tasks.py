"""Pipeline parameters whose values other tasks of the DAG tell, as its author gives them. Runs at parse time.

The service starts an execution with all of its parameters. So the group's first steps wait for the tasks that tell
them, whether they use them or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import DefinitionError

if TYPE_CHECKING:
    from airflow.sdk import TaskGroup


def known_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values that the DAG file itself knows."""
    return {name: value for name, value in values.items() if not _is_told_by_the_run(value)}


def values_without_tasks(pipeline: Pipeline, values: Mapping[str, object]) -> list[DefinitionError]:
    """Return an error for each value of a pipeline that is a whole DAG, and has no tasks around it.

    Args:
        pipeline: The pipeline.
        values: Values of its parameters.
    """
    hint = "use pipeline_task_group inside the DAG of that task"
    return [
        DefinitionError("Parameters", f"parameter {name} is told by a task, but pipeline_dag makes a whole DAG", hint)
        for name in values
        if name not in known_values(values)
    ]


def group_faults(group: TaskGroup, values: Mapping[str, object]) -> list[DefinitionError]:
    """Return what is wrong with where a group stands, and with the values that tasks tell it.

    Args:
        group: The group, still empty.
        values: Values of the pipeline's parameters.
    """
    return [*_mapped_place(group), *_lists(values)]


def _mapped_place(group: TaskGroup) -> list[DefinitionError]:
    """Return an error if a group stands in one that is expanded: Airflow would run all steps once for each item."""
    outer = next(iter(group.iter_mapped_task_groups()), None)
    if outer is None:
        return []
    hint = "make the pipeline a DAG of its own, and start it once for each item (TriggerDagRunOperator)"
    what = f"task group {group.group_id} stands in {outer.group_id}, which is expanded: a pipeline cannot be"
    return [DefinitionError("", what, hint)]


def _lists(values: Mapping[str, object]) -> list[DefinitionError]:
    """Return an error for each value that is a list, since a mapped task tells it."""
    told = _told_values(values)
    if not told:
        return []
    from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import has_one_value

    hint = "take the output of one task that makes one value of it"
    return [
        DefinitionError("Parameters", f"parameter {name} has one value, but a mapped task tells a list", hint)
        for name, value in told.items()
        if not has_one_value(value)
    ]


def wait_for_values(group: TaskGroup, values: Mapping[str, object]) -> None:
    """Let the first tasks of a group wait for the tasks that tell values of its parameters.

    Args:
        group: The group, with its tasks.
        values: Values of the pipeline's parameters.
    """
    told = _told_values(values)
    if not told:
        return
    from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import tasks_that_tell

    tasks = {task.task_id: task for value in told.values() for task in tasks_that_tell(value)}
    for task in tasks.values():
        group.set_upstream(task)


def _told_values(values: Mapping[str, object]) -> dict[str, object]:
    known = known_values(values)
    return {name: value for name, value in values.items() if name not in known}


def _is_told_by_the_run(value: object) -> bool:
    # Most values are plain, and then nothing needs to be loaded.
    if value is None or isinstance(value, (str, int, float)):
        return False
    from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import is_told_by_the_run

    return is_told_by_the_run(value)
