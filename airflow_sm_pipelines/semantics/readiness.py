"""When a step may start: SageMaker's dependency triggers.

A step waits for all of its edges. A plain edge holds when the upstream step succeeded; an edge with a trigger holds
when it ended in the trigger's way (SDK ``StepDependency``: ``Completed``, ``Failed``, ``Stopped``, ``Any``). An edge
from a Condition to a step of one of its branches holds when the Condition succeeded and chose that branch: a step
of a branch that was not taken never runs (developer guide, "Condition step").
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

from airflow_sm_pipelines.definition.graph import Edge, StepPlan, Trigger


class StepStatus(StrEnum):
    """How a step ended, in the service's words; ``NOT_RUN`` for a step that never started."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    NOT_RUN = "NotRun"


class UpstreamStep(NamedTuple):
    """What an edge needs to know about its upstream step.

    Attributes:
        status: How it ended.
        branch: The branch it chose, if it is a Condition that succeeded.
    """

    status: StepStatus
    branch: Literal["if", "else"] | None = None


_HOLDS: dict[Trigger, frozenset[StepStatus]] = {
    Trigger.COMPLETED: frozenset({StepStatus.SUCCEEDED}),
    Trigger.FAILED: frozenset({StepStatus.FAILED}),
    Trigger.STOPPED: frozenset({StepStatus.STOPPED}),
    Trigger.ANY: frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.STOPPED}),
}


def unmet_edges(plan: StepPlan, upstream: Mapping[str, UpstreamStep]) -> list[str]:
    """Return the reasons why a step may not start, one for each edge that does not hold; empty if it may.

    Args:
        plan: The step.
        upstream: How each step ended that the plan's edges name; all of them have ended.
    """
    return [_phrase(edge, upstream[edge.upstream]) for edge in plan.edges if not _holds(edge, upstream[edge.upstream])]


def needs_gate(plan: StepPlan) -> bool:
    """Tell whether Airflow's own rule (all upstream tasks succeeded) is not enough for this step."""
    return any(edge.trigger is not Trigger.COMPLETED for edge in plan.edges)


def _holds(edge: Edge, upstream: UpstreamStep) -> bool:
    if edge.branch is not None and upstream.branch != edge.branch:
        return False
    return upstream.status in _HOLDS[edge.trigger]


def _phrase(edge: Edge, upstream: UpstreamStep) -> str:
    if edge.branch is not None and upstream.status is StepStatus.SUCCEEDED:
        return f"{edge.upstream} did not choose its {edge.branch} branch"
    return f"{edge.upstream} is {upstream.status}, but the trigger is {edge.trigger}"
