"""Every expression of a definition, evaluated with given values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import Scope, evaluate, is_expression
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview import reports


@dataclass(slots=True)
class ResolvedStep:
    """One step with every expression replaced by its value.

    Attributes:
        step: The step.
        arguments: Its Arguments without nested steps; an expression without a value stays as it is.
        members: The type's own members at step level, likewise.
        outcome: Of a Condition, what it decides; ``None`` if that cannot be told.
        errors: JSON path and message of each expression without a value, and of each comparison without an answer.
    """

    step: Step
    arguments: Json = None
    members: Json = None
    outcome: bool | None = None
    errors: list[tuple[str, str]] = field(default_factory=list)


def resolve_steps(pipeline: Pipeline, scope: Scope) -> list[ResolvedStep]:
    """Return all steps in the order of the document, nested ones as steps of their own."""
    return [_resolve_step(step, scope) for step in pipeline.steps]


def resolve_report(steps: Sequence[ResolvedStep]) -> reports.ResolveReport:
    """Return resolved steps as a report."""
    from airflow_sm_pipelines.preview import reports

    return reports.ResolveReport(steps=[_step_report(step) for step in steps])


def _step_report(resolved: ResolvedStep) -> reports.ResolvedStep:
    from airflow_sm_pipelines.preview import reports

    return reports.ResolvedStep(
        name=resolved.step.name,
        type=resolved.step.type,
        arguments=resolved.arguments,
        members=resolved.members,
        errors=[reports.UnresolvedExpression(path=path, message=message) for path, message in resolved.errors],
        **({"outcome": resolved.outcome} if resolved.step.type == "Condition" else {}),
    )


def _resolve_step(step: Step, scope: Scope) -> ResolvedStep:
    resolved = ResolvedStep(step)
    payload = STEP_TYPES[step.type].payload
    resolved.arguments = _resolve(own_arguments(step), ("Arguments",), resolved, scope, payload=payload)
    resolved.members = _resolve(step.members, (), resolved, scope)
    if step.type == "Condition":
        resolved.outcome = _outcome(resolved, scope)
    return resolved


def _resolve(value: Json, path: Path, resolved: ResolvedStep, scope: Scope, *, payload: bool = False) -> Json:
    if is_expression(value, payload=payload):
        try:
            return evaluate(value, scope, payload=payload)
        except EvaluationError as error:
            _note(resolved, path, str(error))
            return value
    if isinstance(value, dict):
        return {key: _resolve(member, (*path, key), resolved, scope, payload=payload) for key, member in value.items()}
    if isinstance(value, list):
        return [
            _resolve(element, (*path, index), resolved, scope, payload=payload) for index, element in enumerate(value)
        ]
    return value


def _outcome(resolved: ResolvedStep, scope: Scope) -> bool | None:
    if resolved.errors:
        return None
    conditions = resolved.step.arguments["Conditions"]
    for index, condition in enumerate(conditions if isinstance(conditions, list) else ()):
        try:
            if not evaluate_conditions([condition], scope):
                return False
        except IncomparableError as error:
            _note(resolved, ("Arguments", "Conditions", index), error.reason)
            return None
    return True


def _note(resolved: ResolvedStep, path: Path, message: str) -> None:
    resolved.errors.append((format_path(path, resolved.step.path), message))
