"""Two definitions side by side: what has changed, and what that means; as text and as a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.preview.changes.airflow_effects import airflow_effects
from airflow_sm_pipelines.preview.changes.cache_effects import CacheEffect, cache_effects
from airflow_sm_pipelines.preview.changes.definition_changes import DefinitionChanges, StepChange, definition_changes
from airflow_sm_pipelines.preview.json_changes import JsonChange

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview.changes.report import DiffReport

_MARKS = {"added": "+", "removed": "-", "renamed": "~", "changed": "~"}


@dataclass(frozen=True, slots=True)
class DefinitionDiff:
    """What has changed between two definitions, and what that means.

    Attributes:
        names: What the definitions are called.
        changes: What has changed.
        caching: What becomes of the results of cached steps; empty if nothing has changed.
        airflow: What the change means for the DAG, in words.
    """

    names: tuple[str, str]
    changes: DefinitionChanges
    caching: tuple[CacheEffect, ...]
    airflow: tuple[str, ...]


def definition_diff(old: Pipeline, new: Pipeline, names: tuple[str, str]) -> DefinitionDiff:
    """Compare two definitions.

    Args:
        old: The first one.
        new: The second one.
        names: What to call them.
    """
    changes = definition_changes(old, new)
    caching = tuple(cache_effects(old, new, changes.renames)) if changes else ()
    return DefinitionDiff(names, changes, caching, tuple(airflow_effects(old, new, changes)))


def as_report(diff: DefinitionDiff) -> DiffReport:
    """Return a comparison as a report."""
    from airflow_sm_pipelines.preview.changes.report import CachedStep, ChangedStep, ChangedValue, DiffReport

    changes = diff.changes
    notes = {"notes": [*changes.notes]} if changes.notes else {}
    return DiffReport(
        old=diff.names[0],
        new=diff.names[1],
        identical=not changes,
        steps=[
            ChangedStep(
                name=step.name,
                type=step.type,
                change=step.what,
                old_name=step.old_name or None,
                values=[ChangedValue.of(value) for value in step.values],
                edges=[*step.edges],
            )
            for step in changes.steps
        ],
        parameters=[ChangedValue.of(value) for value in changes.parameters],
        pipeline=[ChangedValue.of(value) for value in changes.pipeline],
        caching=[CachedStep(step=one.step, effect=one.effect, because=one.because) for one in diff.caching],
        airflow=[*diff.airflow],
        **notes,
    )


def as_text(diff: DefinitionDiff) -> str:
    """Return a comparison as text for people."""
    changes = diff.changes
    head = " -> ".join(diff.names)
    if not changes:
        return "\n".join([f"{head}: no change", *changes.notes])
    sections = (
        ("Steps", [line for step in changes.steps for line in _step_lines(step)]),
        ("Parameters", [_value_line(value.path[1:], value) for value in changes.parameters]),
        ("Pipeline", [f"  {value.in_words()}" for value in changes.pipeline]),
        ("With caching", [*_cache_lines(diff.caching)]),
        ("In Airflow", [f"  {effect}" for effect in diff.airflow]),
        ("Not compared", [f"  {note}" for note in changes.notes]),
    )
    return "\n\n".join([head, *("\n".join([title, *lines]) for title, lines in sections if lines)])


def _value_line(path: tuple[str | int, ...], change: JsonChange) -> str:
    return f"  {JsonChange(path, change.old, change.new).in_words()}"


def _step_lines(step: StepChange) -> Iterator[str]:
    was = f", was {step.old_name}" if step.old_name else ""
    yield f"  {_MARKS[step.what]} {step.name} ({step.type}) {step.what}{was}"
    yield from (f"      {value.in_words()}" for value in step.values)
    yield from (f"      {edge}" for edge in step.edges)


def _cache_lines(effects: tuple[CacheEffect, ...]) -> Iterator[str]:
    width = max((len(one.step) for one in effects), default=0)
    for one in effects:
        yield f"  {one.step:<{width}}  {one.effect}" + (f": {one.because}" if one.because else "")
