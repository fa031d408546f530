"""``sm-pipelines resolve FILE --scope SCOPE.json``: every expression of a definition, evaluated with given values."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from airflow_sm_pipelines.cli.definition_file import read_definition
from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import Scope, evaluate, is_expression
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path as JsonPath
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError
from airflow_sm_pipelines.preview.given_values import GivenScope, GivenValues, read_given_values

_WRONG_USAGE = 2


@dataclass(slots=True)
class ResolvedStep:
    """One step with every expression replaced by its value.

    Attributes:
        step: The step.
        arguments: Its Arguments without nested steps; an expression without a value stays as it is.
        members: The type's own members at step level, likewise.
        outcome: Of a Condition: what it decides; ``None`` when that cannot be told.
        errors: JSON path and message of each expression without a value, and of a comparison without an answer.
    """

    step: Step
    arguments: Json = None
    members: Json = None
    outcome: bool | None = None
    errors: list[tuple[str, str]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``resolve``."""
    parser.add_argument("file", metavar="FILE", help="a pipeline definition (JSON)")
    parser.add_argument(
        "--scope",
        metavar="SCOPE.json",
        required=True,
        help='the values: {"parameters": {}, "execution": {}, "steps": {NAME: properties}, "files": {S3URI: JSON},'
        ' "current_item": JSON}, each member optional',
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Print the resolved steps; 1 when the file is no definition or something has no value, 2 for a faulty scope."""
    given = _read_scope(args.scope)
    if given is None:
        return _WRONG_USAGE
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    scope = GivenScope(pipeline, given)
    for sentence in scope.unused():
        print(f"{args.scope}: {sentence}", file=sys.stderr)
    resolved = resolve_steps(pipeline, scope)
    print(_as_json(resolved) if args.format == "json" else "\n".join(map(_as_text, resolved)))
    return 1 if any(step.errors for step in resolved) else 0


def resolve_steps(pipeline: Pipeline, scope: Scope) -> list[ResolvedStep]:
    """Return all steps in document order, nested ones as steps of their own."""
    return [_resolve_step(step, scope) for step in pipeline.steps]


def _read_scope(file: str) -> GivenValues | None:
    faults = Faults()
    try:
        given = read_given_values(Path(file).read_text("utf-8-sig"), faults)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        print(f"{file}: cannot be read: {reason}", file=sys.stderr)
        return None
    for fault in faults:
        print(f"{file}: {fault}", file=sys.stderr)
    return None if faults else given


def _resolve_step(step: Step, scope: Scope) -> ResolvedStep:
    resolved = ResolvedStep(step)
    payload = STEP_TYPES[step.type].payload
    resolved.arguments = _resolve(own_arguments(step), ("Arguments",), resolved, scope, payload=payload)
    resolved.members = _resolve(step.members, (), resolved, scope)
    if step.type == "Condition":
        resolved.outcome = _outcome(resolved, scope)
    return resolved


def _resolve(value: Json, path: JsonPath, resolved: ResolvedStep, scope: Scope, *, payload: bool = False) -> Json:
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


def _note(resolved: ResolvedStep, path: JsonPath, message: str) -> None:
    resolved.errors.append((format_path(path, resolved.step.path), message))


def _as_json(steps: list[ResolvedStep]) -> str:
    return json.dumps({"steps": [_step_json(step) for step in steps]}, indent=2)


def _step_json(resolved: ResolvedStep) -> JsonObject:
    outcome: JsonObject = {"outcome": resolved.outcome} if resolved.step.type == "Condition" else {}
    return {
        "name": resolved.step.name,
        "type": resolved.step.type,
        "arguments": resolved.arguments,
        "members": resolved.members,
        **outcome,
        "errors": [{"path": path, "message": message} for path, message in resolved.errors],
    }


def _as_text(resolved: ResolvedStep) -> str:
    lines = [f"{resolved.step.name}  {resolved.step.type}"]
    if resolved.step.type == "Condition":
        decides = {True: "the if branch", False: "the else branch", None: "cannot be told"}
        lines.append(f"  outcome: {decides[resolved.outcome]}")
    for title, value in (("arguments", resolved.arguments), ("members", resolved.members)):
        if value:
            lines += [f"  {title}:", indent(json.dumps(value, indent=2, ensure_ascii=False), "    ")]
    for path, message in resolved.errors:
        lines += [f"  error: {path}", f"      {message}"]
    return "\n".join(lines)
