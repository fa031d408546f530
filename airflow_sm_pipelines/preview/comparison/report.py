"""The report of `compare`: what ``sm-pipelines compare --format json`` prints. It needs pydantic, as all reports do."""

from __future__ import annotations

from pydantic import JsonValue

from airflow_sm_pipelines.preview.json_changes import JsonChange
from airflow_sm_pipelines.preview.reports import Report


class Difference(Report):
    """A place where the request of the service differs from ours."""

    path: str
    """JSON path in the request; elements of lists that have a name are addressed by it."""
    theirs: JsonValue = None
    """What the service's job was made from; left out if it had nothing there."""
    ours: JsonValue = None
    """What we would have sent; left out if we would have sent nothing there."""

    @classmethod
    def of(cls, change: JsonChange) -> Difference:
        """Return a difference as part of a report."""
        return cls.model_validate(change.as_members("theirs", "ours"))


class UnknownPlace(Report):
    """A place that was not compared."""

    path: str
    """JSON path in the request."""
    placeholder: str
    """What only that execution knew, e.g. ``<Execution.CurrentDateTime>``."""


class ComparedStep(Report):
    """One step of the execution, or one iteration of it."""

    name: str
    type: str
    verdict: str
    """``identical``, ``different``, ``identical in part``, ``not run``, ``not compared``, ``could not be compared``."""
    job: str
    """Name of what the step created; empty if there is nothing."""
    because: str
    """What was compared instead of a whole request, or why nothing was."""
    failure: str
    """Why our step would have failed; empty if it would not."""
    differences: list[Difference]
    unknown: list[UnknownPlace]
    left_out: dict[str, int]
    """How many differences mean nothing, by the rule that says so."""


class CompareReport(Report):
    """An execution of SageMaker Pipelines against what we would have sent."""

    execution: str
    """Its ARN."""
    identical: bool
    """Whether no step differs, and every step with a job could be compared."""
    summary: str
    """The result in words, e.g. ``12 of 12 identical``."""
    steps: list[ComparedStep]
    rules: dict[str, str]
    """The rules that left differences out, with their reasons."""
