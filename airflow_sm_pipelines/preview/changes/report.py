"""The report of `diff`: what ``sm-pipelines diff --format json`` prints. It needs pydantic: import it in functions."""

from __future__ import annotations

from pydantic import Field, JsonValue

from airflow_sm_pipelines.preview.json_changes import JsonChange
from airflow_sm_pipelines.preview.reports import Report


class ChangedValue(Report):
    """A place where the definitions differ."""

    path: str
    """Its JSON path; elements of lists that have a name are addressed by it."""
    old: JsonValue = None
    """The value before; left out if there was none."""
    new: JsonValue = None
    """The value now; left out if there is none."""

    @classmethod
    def of(cls, change: JsonChange) -> ChangedValue:
        """Return a difference as part of a report."""
        return cls.model_validate(change.as_members("old", "new"))


class ChangedStep(Report):
    """A step that is not the same in both definitions."""

    name: str
    """Its name; of a renamed step, the new one."""
    type: str
    change: str
    """``added``, ``removed``, ``renamed`` or ``changed``."""
    old_name: str | None
    """Its name before, if it was renamed."""
    values: list[ChangedValue]
    """What differs in it: arguments, members, policies; paths from the step."""
    edges: list[str]
    """What it waits for now or no longer, and where it was moved."""


class CachedStep(Report):
    """What the change means for the result of a cached step."""

    step: str
    effect: str
    """``runs again``, ``may run again``, ``is reused`` or ``runs in each run``."""
    because: str
    """The reason; empty if the result is reused."""


class DiffReport(Report):
    """What has changed between two definitions."""

    old: str
    """The first definition, as named on the command line."""
    new: str
    """The second one, likewise."""
    identical: bool
    """Whether nothing has changed that has a meaning."""
    steps: list[ChangedStep]
    parameters: list[ChangedValue]
    pipeline: list[ChangedValue]
    """What differs in the rest of the definition and around it: name, role, tags, experiment."""
    caching: list[CachedStep]
    """Each cached step of the new definition; steps that are not cached run in each run."""
    airflow: list[str]
    """What the change means for the DAG, in words."""
    notes: list[str] = Field(default_factory=list)
    """What was not compared; left out if there is nothing."""
