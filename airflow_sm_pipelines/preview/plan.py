"""Each step of a pipeline as it would run, with placeholders for what only a run knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any, cast

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.requests.step_start import AwsCall
from airflow_sm_pipelines.definition.expressions import Unknown, evaluate
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.preview.cache_advice import compared_attributes
from airflow_sm_pipelines.preview.graph import edge_text
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.preview.planned_calls import planned_calls
from airflow_sm_pipelines.preview.untried import UntriedSteps, untried_report
from airflow_sm_pipelines.semantics.retry import rules_of


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step as it would run.

    Attributes:
        plan: The step and its edges.
        arguments: Its Arguments with values and placeholders, nested steps excluded.
        members: The type's own members at step level, likewise.
        calls: The AWS calls that start its work.
        retries: Each of its retry policies, and the service's defaults, in words.
        faults: Why it would fail before its work starts.
    """

    plan: StepPlan
    arguments: JsonObject
    members: JsonObject
    calls: tuple[AwsCall, ...]
    retries: list[str]
    faults: list[str]


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """A pipeline as it would run.

    Attributes:
        parameters: The value of each parameter, or its placeholder.
        steps: Its steps in document order.
        untried: Those of them that do not run with these parameters.
    """

    parameters: Mapping[str, Json]
    steps: tuple[PlannedStep, ...]
    untried: Sequence[UntriedSteps] = ()


def plan_pipeline(
    pipeline: Pipeline, parameters: Mapping[str, str | int | float | bool], *, validate: bool = False
) -> PipelinePlan:
    """Return what is known of a pipeline before it runs.

    Args:
        pipeline: The definition.
        parameters: Values of parameters, in their own types; the definition's defaults are used for the others.
        validate: Compare the requests with the API's types and limits (botocore).
    """
    scope = PlaceholderScope(pipeline, parameters)
    steps = tuple(_planned(plan, pipeline, scope, validate=validate) for plan in pipeline.plans)
    return PipelinePlan(scope.parameters, steps)


def _planned(plan: StepPlan, pipeline: Pipeline, scope: PlaceholderScope, *, validate: bool) -> PlannedStep:
    step = plan.step
    planned = planned_calls(step, pipeline, scope)
    payload = STEP_TYPES[step.type].payload
    return PlannedStep(
        plan=plan,
        arguments=cast("JsonObject", evaluate(own_arguments(step), scope, payload=payload)),
        members=cast("JsonObject", evaluate(step.members, scope)),
        calls=planned.calls,
        retries=[rule.in_words() for rule in rules_of(step.retry_policies)] if planned.calls else [],
        faults=[*(map(str, planned.misfits) if validate else ()), *([planned.end] if planned.end else ())],
    )


# -- as JSON -----------------------------------------------------------------------------------------------------------


def as_json(plan: PipelinePlan) -> str:
    """Return a plan as JSON: an `airflow_sm_pipelines.preview.reports.PlanReport`."""
    from airflow_sm_pipelines.preview import reports  # pydantic takes time

    steps = [
        reports.PlannedStep(
            name=planned.plan.step.name,
            type=planned.plan.step.type,
            calls=[
                reports.PlannedCall(service=call.service, operation=call.operation, request=_plain(call.request))
                for call in planned.calls
            ],
            arguments=planned.arguments,
            members=planned.members,
            depends_on=[reports.Dependency.of(edge) for edge in planned.plan.edges],
            branch_of=reports.BranchOf.of(planned.plan.step.branch),
            body_of=planned.plan.step.body_of,
            retries=planned.retries,
            cache=reports.CacheConfig.of(planned.plan.step.cache_config),
            faults=planned.faults,
        )
        for planned in plan.steps
    ]
    return reports.report_text(
        reports.PlanReport(parameters=dict(plan.parameters), steps=steps, untried=untried_report(plan.untried))
    )


def _plain(value: Body) -> dict[str, Any]:
    """Return a request as JSON; the content of an object, which is bytes, as text."""
    plain: dict[str, Any] = json.loads(json.dumps(value, default=_text_of_bytes))
    return plain


def _text_of_bytes(content: bytes) -> str:
    return content.decode()


# -- as text -----------------------------------------------------------------------------------------------------------


def as_text(plan: PipelinePlan) -> str:
    """Return a plan as text for people."""
    missing = [name for name, value in plan.parameters.items() if isinstance(value, Unknown)]
    head = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in plan.parameters.items()]
    if missing:
        head.append(f"no value yet: {', '.join(missing)}")
    faults = sum(len(step.faults) for step in plan.steps)
    tail = [f"{faults} {'fault' if faults == 1 else 'faults'}"] if faults else []
    if plan.untried:
        lines = ["Not with these parameters:", *(f"  {one.in_words()}" for one in plan.untried)]
        tail = ["\n".join(lines), *tail]
    return "\n\n".join(["\n".join(head)] * bool(head) + [_step_text(step) for step in plan.steps] + tail)


def _step_text(planned: PlannedStep) -> str:
    plan = planned.plan
    lines = [f"{plan.step.name}  {plan.step.type}"]
    if plan.step.body_of:
        lines.append(f"  once per item of {plan.step.body_of}")
    if plan.edges:
        lines.append(f"  after: {', '.join(edge_text(edge) for edge in plan.edges)}")
    lines += [f"  retries: {text}" for text in planned.retries]
    if plan.step.cache_config:
        lines.append(f"  cache: {compared_attributes(plan.step) or 'off'}")
    for call in planned.calls:
        condition = f" (only if {call.only_if})" if call.only_if else ""
        lines += [f"  {call.service}:{call.operation}{condition}", _indented(call.request)]
    if not planned.calls:
        lines += ["  evaluated without an AWS call of its own", _indented(planned.arguments)]
    if planned.members:
        lines += ["  members", _indented(planned.members)]
    lines += [f"  fault: {fault}" for fault in planned.faults]
    return "\n".join(lines)


def _indented(value: Body) -> str:
    return indent(json.dumps(value, indent=2, ensure_ascii=False, default=_text_of_bytes), "    ")
