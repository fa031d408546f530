"""What has changed between two pipeline definitions: steps, parameters, edges, policies, and what stands around them.

A step that was only renamed is told as such: it is of the same type and says the same, but for the names of renamed
steps. Spelling that means the same, such as the order of members, is no change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from airflow_sm_pipelines.definition.graph import Edge, StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import MISSING, Parameter, Pipeline, PipelineResource, RetryPolicy, Step
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.preview.graph import edge_text
from airflow_sm_pipelines.preview.json_changes import JsonChange, json_changes, same_json

Renames: TypeAlias = "Mapping[str, str]"
"""Old name of a step -> its new name."""

_OF_STEP = re.compile(r"^(Steps|IterationOutput)\.([^.\[]+)")


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step that is not the same in both definitions.

    Attributes:
        name: Its name; of a renamed step, the new one.
        type: Its type; the new one, if that has changed.
        what: What happened to it.
        old_name: Its name before, if it was renamed; else empty.
        values: What differs in it, with paths from the step.
        edges: What it waits for now or no longer, and the branch or the body that holds it, in words.
    """

    name: str
    type: str
    what: Literal["added", "removed", "renamed", "changed"]
    old_name: str = ""
    values: tuple[JsonChange, ...] = ()
    edges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinitionChanges:
    """What differs between two definitions.

    Attributes:
        steps: The steps that differ: those of the new definition in its order, then the removed ones.
        parameters: What differs in the parameters, with paths from the definition.
        pipeline: What differs in the rest of the definition and in what stands around it, likewise.
        notes: What was not compared, in words.
        renames: The renamed steps.
    """

    steps: tuple[StepChange, ...]
    parameters: tuple[JsonChange, ...]
    pipeline: tuple[JsonChange, ...]
    notes: tuple[str, ...]
    renames: Renames

    def __bool__(self) -> bool:
        return bool(self.steps or self.parameters or self.pipeline)


def definition_changes(old: Pipeline, new: Pipeline) -> DefinitionChanges:
    """Return what has changed from one definition to another."""
    renames = _renames(old, new)
    pipeline = [*json_changes(_of_pipeline(old), _of_pipeline(new))]
    notes: list[str] = []
    if (old.resource == PipelineResource()) is (new.resource == PipelineResource()):
        pipeline += json_changes(_of_resource(old.resource), _of_resource(new.resource))
    else:
        notes.append("Only one of them has name, role, tags and the like around the definition: these are not compared")
    return DefinitionChanges(
        steps=(*_steps(old, new, renames), *_removed(old, new, renames)),
        parameters=tuple(json_changes(_of_parameters(old), _of_parameters(new))),
        pipeline=tuple(pipeline),
        notes=tuple(notes),
        renames=renames,
    )


# -- steps -------------------------------------------------------------------------------------------------------------


def _steps(old: Pipeline, new: Pipeline, renames: Renames) -> Iterator[StepChange]:
    before = {renames.get(plan.step.name, plan.step.name): plan for plan in old.plans}
    for plan in new.plans:
        step = plan.step
        if step.name not in before:
            yield StepChange(step.name, step.type, "added")
            continue
        was = before[step.name]
        values = tuple(json_changes(step_content(was.step, renames), step_content(step)))
        edges = (*_edge_changes(was, plan, renames), *_place_changes(was.step, step, renames))
        if was.step.name != step.name:
            yield StepChange(step.name, step.type, "renamed", was.step.name, values, edges)
        elif values or edges:
            yield StepChange(step.name, step.type, "changed", "", values, edges)


def _removed(old: Pipeline, new: Pipeline, renames: Renames) -> Iterator[StepChange]:
    kept = {step.name for step in new.steps}
    for step in old.steps:
        if renames.get(step.name, step.name) not in kept:
            yield StepChange(step.name, step.type, "removed")


def _renames(old: Pipeline, new: Pipeline) -> dict[str, str]:
    """Pair removed steps with added ones that say the same; again, since a rename changes references to the step."""
    names = ({step.name for step in old.steps}, {step.name for step in new.steps})
    removed = [step for step in old.steps if step.name not in names[1]]
    added = [step for step in new.steps if step.name not in names[0]]
    found: dict[str, str] = {}
    while True:
        pair = next(
            (
                (one, other)
                for one in removed
                for other in added
                if one.type == other.type and same_json(step_content(one, found), step_content(other))
            ),
            None,
        )
        if pair is None:
            return found
        found[pair[0].name] = pair[1].name
        removed.remove(pair[0])
        added.remove(pair[1])


def step_content(step: Step, renames: Renames | None = None) -> JsonObject:
    """Return what a step says, in the members of the definition, without its name, its edges and nested steps.

    Args:
        step: The step.
        renames: Steps that have another name now; references to them are written with that.
    """
    content: JsonObject = {"Type": step.type, "Arguments": own_arguments(step), **step.members}
    optional: dict[str, Json] = {
        "DisplayName": step.display_name,
        "Description": step.description,
        "RetryPolicies": [_policy(one) for one in step.retry_policies] or None,
        "CacheConfig": None
        if step.cache_config is None
        else _without_none({"Enabled": step.cache_config.enabled, "ExpireAfter": step.cache_config.expire_after}),
        "PropertyFiles": [
            {"PropertyFileName": one.name, "OutputName": one.output_name, "FilePath": one.file_path}
            for one in step.property_files
        ]
        or None,
    }
    return cast("JsonObject", renamed({**content, **_without_none(optional)}, renames or {}))


def renamed(value: Json, renames: Renames) -> Json:
    """Return a JSON tree whose references, and names of cleaned-up steps, use the new names of renamed steps."""
    if not renames:
        return value
    if isinstance(value, list):
        return [renamed(element, renames) for element in value]
    if not isinstance(value, dict):
        return value
    text = value.get("Get")
    if len(value) == 1 and isinstance(text, str):
        return {"Get": _OF_STEP.sub(lambda found: f"{found[1]}.{renames.get(found[2], found[2])}", text, count=1)}
    tree = {name: renamed(member, renames) for name, member in value.items()}
    own = tree.get("StepName")
    return {**tree, "StepName": renames[own]} if isinstance(own, str) and own in renames else tree


def _policy(policy: RetryPolicy) -> Json:
    return _without_none(
        {
            "ExceptionType": [*policy.exception_types],
            "IntervalSeconds": policy.interval_seconds,
            "BackoffRate": policy.backoff_rate,
            "MaxAttempts": policy.max_attempts,
            "ExpireAfterMin": policy.expire_after_min,
        }
    )


def _without_none(members: Mapping[str, Json]) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}


def _edge_changes(old: StepPlan, new: StepPlan, renames: Renames) -> Iterator[str]:
    before = {Edge(renames.get(edge.upstream, edge.upstream), edge.trigger, edge.branch) for edge in old.edges}
    for edge in new.edges:
        if edge not in before:
            yield f"now waits for {edge_text(edge)}"
    for edge in sorted(before - {*new.edges}, key=lambda edge: edge.upstream):
        yield f"no longer waits for {edge_text(edge)}"


def _place_changes(old: Step, new: Step, renames: Renames) -> Iterator[str]:
    was, now = (_place(old, renames), _place(new, {}))
    if was != now:
        yield f"moved from {was} to {now}"


def _place(step: Step, renames: Renames) -> str:
    if step.body_of is not None:
        return f"the body of {renames.get(step.body_of, step.body_of)}"
    if step.branch is not None:
        return f"the {step.branch.side} branch of {renames.get(step.branch.condition, step.branch.condition)}"
    return "the top level"


# -- the rest ----------------------------------------------------------------------------------------------------------


def _of_parameters(pipeline: Pipeline) -> JsonObject:
    return {"Parameters": {parameter.name: _parameter(parameter) for parameter in pipeline.parameters}}


def _parameter(parameter: Parameter) -> Json:
    default: JsonObject = {} if parameter.default is MISSING else {"DefaultValue": cast("Json", parameter.default)}
    values = None if parameter.enum_values is None else [*parameter.enum_values]
    optional = _without_none({"EnumValues": cast("Json", values), "Description": parameter.description})
    return {"Type": parameter.type, **default, **optional}


def _of_pipeline(pipeline: Pipeline) -> JsonObject:
    return _without_none(
        {
            "Metadata": cast("Json", pipeline.metadata) or None,
            "PipelineExperimentConfig": pipeline.experiment_config,
            "MlflowConfig": pipeline.mlflow_config,
        }
    )


def _of_resource(resource: PipelineResource) -> JsonObject:
    limit = resource.max_parallel_steps
    return _without_none(
        {
            "PipelineName": resource.name,
            "RoleArn": resource.role_arn,
            "PipelineDescription": resource.description,
            "Tags": dict(resource.tags) or None,
            "ParallelismConfiguration": None if limit is None else {"MaxParallelExecutionSteps": limit},
        }
    )
