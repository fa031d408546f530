"""A step with the calls that start its work: what its permissions are derived from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.step_start import AwsCall
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.preview.planned_calls import PlannedCalls, planned_calls
from airflow_sm_pipelines.semantics.cache_keys import MODEL_NAME

MODEL_PACKAGE_GROUP = "ModelPackageGroupName"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step and the calls that start its work.

    Attributes:
        step: The step.
        planned: The calls.
        kind: The row of the resource that it creates; ``None`` if it creates none.
        named: The model and the model package group that the step names, with values and placeholders.
    """

    step: Step
    planned: PlannedCalls
    kind: ResourceKind | None
    named: JsonObject = field(default_factory=dict)

    @property
    def creation(self) -> AwsCall | None:
        """The call that creates the step's resource; ``None`` if there is none."""
        kind = self.kind
        if kind is None:
            return None
        return next((call for call in self.planned.calls if call.operation == kind.create), None)


def planned_steps(pipeline: Pipeline, scope: PlaceholderScope) -> tuple[PlannedStep, ...]:
    """Return every step with the calls that start its work.

    Args:
        pipeline: The definition.
        scope: What is known before the run.
    """
    return tuple(
        PlannedStep(
            step,
            planned_calls(step, pipeline, scope),
            CATALOG[step.type].kind_of(step.arguments),
            cast("JsonObject", evaluate(_named(step), scope)),
        )
        for step in pipeline.steps
    )


def _named(step: Step) -> JsonObject:
    """Return the members that name a model or a group; of a message, whose Arguments are anything, none."""
    found = step.members if STEP_TYPES[step.type].payload else {**step.members, **step.arguments}
    return {name: found[name] for name in (MODEL_NAME, MODEL_PACKAGE_GROUP) if found.get(name)}
