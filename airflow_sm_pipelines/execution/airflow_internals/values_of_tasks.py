"""Values that only a run knows, as DAG authors write them: ``XComArg`` and the like, also of a pipeline's steps.

Imported at parse time by a DAG file that uses such a value, and in the worker of a task that needs one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from airflow.sdk.definitions._internal.mixins import ResolveMixin
from airflow.sdk.definitions.xcom_arg import PlainXComArg, XComArg
from airflow.sdk.exceptions import XComNotFound

from airflow_sm_pipelines.definition.paths import Path, format_path, look_up
from airflow_sm_pipelines.errors import MissingMemberError, SageMakerPipelinesError, UndefinedReferenceError
from airflow_sm_pipelines.execution.airflow_internals.worker import ask_airflow


class NothingToldError(SageMakerPipelinesError, LookupError):
    """The task that tells a value has told nothing; becomes the failure of a reference to the parameter."""


def is_told_by_the_run(value: object) -> bool:
    """Tell whether only a run knows a value: the output of a task, or a param of the DAG."""
    return isinstance(value, ResolveMixin)


def tasks_that_tell(value: Any) -> list[Any]:
    """Return the tasks whose output a value is."""
    return [operator for operator, _ in XComArg.iter_xcom_references(value)]


def has_one_value(value: Any) -> bool:
    """Tell whether a value is one for the whole run: the output of a mapped task is a list."""
    tasks = tasks_that_tell(value)
    mapped = any(task.is_mapped or task.get_closest_mapped_task_group() is not None for task in tasks)
    return not mapped and (not isinstance(value, XComArg) or isinstance(value, PlainXComArg))


def told_value(value: Any, context: Any) -> Any:
    """Return what the run knows of a value; runs in the worker.

    Args:
        value: A value of a parameter.
        context: Airflow's task context.

    Raises:
        airflow.sdk.exceptions.AirflowRuntimeError: Airflow's API server was away for a minute.
        NothingToldError: The task has told nothing in this run.
    """
    if not is_told_by_the_run(value):
        return value
    tasks = ", ".join(dict.fromkeys(task.task_id for task in tasks_that_tell(value)))
    try:
        told = ask_airflow(lambda: value.resolve(context))
    except XComNotFound as error:
        raise NothingToldError(f"task {tasks} has pushed no XCom of that key in this run: {value!r}") from error
    if told is None and tasks:
        raise NothingToldError(
            f"task {tasks} has told no value in this run: it returned nothing, did not run, or was marked by hand"
        )
    return told


@attrs.define(eq=True)
class StepOutput(PlainXComArg):
    """The properties of a step, or a part of them, for a task of the DAG's author.

    ``output["ModelArtifacts"]["S3ModelArtifacts"]`` is a member of a member. In Airflow's own ``XComArg`` the first
    subscript is the key of an XCom, and there is no second one.
    """

    path: Path = ()

    def __getitem__(self, item: str | int) -> StepOutput:
        """Return a part: a member of an object, or an element of a list by its index or its name.

        Raises:
            TypeError: The step stands in the body of a ForEach, so it has one output for each item.
        """
        if self.operator.get_closest_mapped_task_group() is not None:
            raise TypeError(
                f"{self.operator.task_id} runs once for each item of a ForEach, so its output is a list, and has no "
                f"member {item!r}: take the whole output, or that of the group's task `result`"
            )
        return StepOutput(self.operator, self.key, (*self.path, item))

    def __str__(self) -> str:
        """Return the Jinja expression of the part, for an f-string in a template field."""
        whole = super().__str__()
        return whole.removesuffix(" }}") + "".join(f"[{part!r}]" for part in self.path) + " }}"

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """Yield the step's task. The key names the part, so that Airflow refuses to expand over it at parse time.

        It would take the length from the whole output.
        """
        yield self.operator, format_path(self.path, self.key) if self.path else self.key

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the part, ``None`` if the step has published nothing; runs in the worker of the task that uses it.

        Raises:
            UndefinedReferenceError: The step's output has no such part.
        """
        properties = super().resolve(context)
        if properties is None or not self.path:
            return properties
        try:
            return look_up(properties, self.path)
        except MissingMemberError as error:
            raise UndefinedReferenceError(
                self.operator.task_id, f"its output has no {format_path(self.path)}: {error}"
            ) from None
