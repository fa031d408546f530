"""The reports of `check`, `graph`, `plan`, `resolve` and `schedules`: what these commands print with ``--format json``.

The JSON Schemas in ``docs/schemas`` are made from these models. They need pydantic, which takes time to import: import
this module inside functions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from airflow_sm_pipelines.definition.graph import Edge
from airflow_sm_pipelines.definition.models import Branch
from airflow_sm_pipelines.definition.models import CacheConfig as DefinedCacheConfig


class Report(BaseModel):
    """Base of all reports and their parts. Members that were not given are left out of the JSON."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    def as_json(self) -> dict[str, JsonValue]:
        """Return the report as plain JSON."""
        return self.model_dump(exclude_unset=True)


def report_text(report: Report | Sequence[Report]) -> str:
    """Return one report, or a list of them, as the JSON text that a command prints."""
    plain = report.as_json() if isinstance(report, Report) else [one.as_json() for one in report]
    return json.dumps(plain, indent=2)


class Finding(Report):
    """An error or a warning about a definition."""

    path: str
    """JSON path of the place; empty for the whole definition."""
    message: str
    """What was found there and what is allowed."""
    hint: str
    """What to do about it; empty if there is nothing to add."""


class CheckReport(Report):
    """What `check` found in one file. The command prints a list of these."""

    file: str
    """The file, as named on the command line."""
    errors: list[Finding]
    """Why the definition cannot become a DAG, or why a step of it fails."""
    warnings: list[Finding]
    """What may fail, or surprise; only of a file that becomes a DAG."""
    notes: list[Finding] = Field(default_factory=list)
    """What is good to know, such as the attributes that a cached step is compared by; left out if there is nothing."""


class Dependency(Report):
    """A step that another step waits for."""

    step: str
    """Name of the step that is waited for."""
    trigger: str
    """How it must have ended: ``Completed``, ``Failed``, ``Stopped`` or ``Any``."""

    @classmethod
    def of(cls, edge: Edge) -> Dependency:
        """Return an edge of the graph as part of a report."""
        return cls(step=edge.upstream, trigger=edge.trigger.value)


class BranchOf(Report):
    """The branch of a Condition that holds a step."""

    condition: str
    """Name of the Condition."""
    branch: str
    """``if`` or ``else``."""

    @classmethod
    def of(cls, branch: Branch | None) -> BranchOf | None:
        """Return a branch as part of a report; ``None`` for no branch."""
        return None if branch is None else cls(condition=branch.condition, branch=branch.side)


class GraphStep(Report):
    """A step and what it waits for."""

    name: str
    type: str
    depends_on: list[Dependency]
    """What the step waits for; the Condition around it included."""
    branch_of: BranchOf | None
    """The branch that holds the step."""
    body_of: str | None
    """The ForEach whose body holds the step."""


class GraphReport(Report):
    """The graph that a definition becomes."""

    steps: list[GraphStep]
    """All steps in the order of the document."""


class UntriedSteps(Report):
    """Steps that do not run with the values at hand, for one reason."""

    steps: list[str]
    """Their names."""
    because: str
    """The reason."""
    arguments: list[str]
    """Arguments of the command with which they run; empty if none were found."""


class PlannedCall(Report):
    """An AWS request as it would be sent."""

    service: str
    """The service, by its name in boto3."""
    operation: str
    """The operation, such as ``CreateTrainingJob``."""
    request: dict[str, JsonValue]
    """The request; ``<...>`` stands for what only a run knows."""


class CacheConfig(Report):
    """Which results of earlier runs a step may reuse."""

    enabled: bool
    expire_after: str | None
    """The greatest age of a result, as an ISO 8601 duration."""

    @classmethod
    def of(cls, config: DefinedCacheConfig | None) -> CacheConfig | None:
        """Return the configuration of a step as part of a report; ``None`` if it has none."""
        return None if config is None else cls(enabled=config.enabled, expire_after=config.expire_after)


class PlannedStep(Report):
    """A step as it would run."""

    name: str
    type: str
    calls: list[PlannedCall]
    """The AWS requests that start its work, in their order; none if it is evaluated without one."""
    arguments: dict[str, JsonValue]
    """Its arguments with values and placeholders, without nested steps."""
    members: dict[str, JsonValue]
    """Members of the step itself that belong to its type, likewise."""
    depends_on: list[Dependency]
    branch_of: BranchOf | None
    body_of: str | None
    retries: list[str]
    """Its retry policies and the service's own, in words."""
    cache: CacheConfig | None
    faults: list[str]
    """What the API would refuse; only with ``--validate``."""


class PlanReport(Report):
    """Every request of a definition as it would be sent."""

    parameters: dict[str, JsonValue]
    """The values of all parameters; ``<Parameters.NAME>`` for one that has no value yet."""
    steps: list[PlannedStep]
    untried: list[UntriedSteps]
    """The steps that do not run with these parameters."""


class UnresolvedExpression(Report):
    """An expression without a value, or a comparison without an answer."""

    path: str
    """JSON path of the expression in the definition."""
    message: str


class ResolvedStep(Report):
    """A step with every expression replaced by its value."""

    name: str
    type: str
    arguments: JsonValue
    """Its arguments without nested steps; an expression without a value stays as it is."""
    members: JsonValue
    """Members of the step itself that belong to its type, likewise."""
    outcome: bool | None = None
    """Only of a Condition: which branch it chooses; null if that cannot be told."""
    errors: list[UnresolvedExpression]


class ResolveReport(Report):
    """A definition, evaluated with given values."""

    steps: list[ResolvedStep]
    """All steps in the order of the document, nested ones too."""


class TriggerReport(Report):
    """A rule or a schedule of the AWS account that starts the pipeline."""

    kind: str
    """``EventBridge rule`` or ``EventBridge Scheduler schedule``."""
    name: str
    group: str
    """Its event bus, or its schedule group."""
    enabled: bool
    """Whether it starts executions now."""
    expression: str | None
    """``at(…)``, ``rate(…)`` or ``cron(…)``; null for a rule that waits for events."""
    timezone: str
    """The time zone of the expression."""
    start_date: str | None
    end_date: str | None
    event_pattern: str | None
    """The events that the rule waits for, as JSON text."""
    parameters: dict[str, str]
    """Values of pipeline parameters; one that begins with ``$.`` is read from the event."""
    equivalent: str
    """The line of a DAG file that stands for it; empty if there is none."""
    notes: list[str]
    """What to know about it."""


class SchedulesReport(Report):
    """What starts a pipeline in an AWS account."""

    pipeline: str
    """Its name."""
    exists: bool | None
    """Whether the pipeline exists; null if AWS does not tell. If it does not, its triggers are orphans."""
    triggers: list[TriggerReport]
    refused: list[str]
    """Calls that AWS refused, so that triggers may be missing."""
