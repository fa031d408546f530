"""What a change of the definition means for the DAG: its task ids, its params, and runs that are under way."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_sm_pipelines.definition.models import MISSING, Parameter, Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.preview.changes.definition_changes import DefinitionChanges, StepChange
from airflow_sm_pipelines.preview.json_changes import JsonChange, value_text

_UNDER_WAY = "a run under way whose task waits for its job fails there"


def airflow_effects(old: Pipeline, new: Pipeline, changes: DefinitionChanges) -> Iterator[str]:
    """Yield the effects of a change, a sentence for each.

    Args:
        old: The definition before the change.
        new: The definition after it.
        changes: What has changed.
    """
    before = {step.name: task_id(step) for step in old.steps}
    now = {step.name: task_id(step) for step in new.steps}
    for change in changes.steps:
        yield from _of_step(change, before, now)
    moved = ((name, before[name], now[name]) for name in now if name in before and before[name] != now[name])
    for _, was, becomes in moved:
        yield f"task {was} has the id {becomes} now: its history stays under the old one; {_UNDER_WAY}"
    declared = {parameter.name: parameter for parameter in new.parameters}
    for changed in changes.parameters:
        yield from _of_parameter(changed, declared)


def task_id(step: Step) -> str:
    """Return the id of a step's task, or of the task group of a ForEach; a body step's begins with that of its loop."""
    return f"{step.body_of}.{step.name}" if step.body_of else step.name


def _of_step(change: StepChange, before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    if change.what == "added":
        yield f"task {now[change.name]} is new"
    elif change.what == "removed":
        yield f"task {before[change.name]} is gone: its history stays with earlier runs; {_UNDER_WAY}"
    elif change.what == "renamed":
        was = before[change.old_name]
        yield (
            f"task {was} is {now[change.name]} now: its history stays under the old id, overrides= and code that name "
            f"it must be adapted; {_UNDER_WAY}"
        )
    elif any(value.path == ("Type",) for value in change.values):
        yield f"task {now[change.name]} is of another type now; {_UNDER_WAY}"


def _of_parameter(change: JsonChange, declared: dict[str, Parameter]) -> Iterator[str]:
    path: Path = change.path
    name = str(path[1])
    if len(path) == 2 and change.old is MISSING:
        needed = declared[name].default is MISSING
        yield f"param {name} is new" + (": a scheduled DAG needs a value for it in parameters={…}" if needed else "")
    elif len(path) == 2:
        yield f"param {name} is gone"
    elif path[2] == "DefaultValue" and change.new is MISSING:
        yield f"param {name} has no default any more: a scheduled DAG needs a value for it in parameters={{…}}"
    elif path[2] == "DefaultValue":
        yield f"param {name} has the default {value_text(change.new)} now"
    elif path[2] in ("Type", "EnumValues"):
        yield f"param {name} takes other values now"
