"""``sm-pipelines rehearse FILE``: a whole run through Airflow in seconds, without the definition's code or data."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_sm_pipelines.cli.definition_file import read_definition
from airflow_sm_pipelines.cli.plan import parameter_values
from airflow_sm_pipelines.cli.rehearsal_files import ChosenValueError, ReadFile, choose_values, files_read
from airflow_sm_pipelines.cli.rehearsal_parameters import rehearsal_parameters
from airflow_sm_pipelines.cli.rehearsal_run import (
    RefusedDefinitionError,
    RehearsalBrokenError,
    RehearsalPlan,
    RehearsalResult,
    rehearse,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.definition.models import ParameterValueError, Pipeline
from airflow_sm_pipelines.definition.near_misses import did_you_mean
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.rehearsal import NOTE, Outcome

_WRONG_USAGE = 2
_JOB_TYPES = ("Processing", "Training", "Transform")
_OUTCOMES = "completed, stopped or failed:REASON"
_STATES = {"success": "succeeded", "failed": "failed", "skipped": "skipped"}


class OutcomeError(ValueError):
    """An outcome was chosen for a step that has none, or in no known form."""


@dataclass(frozen=True, slots=True)
class PreparedRehearsal:
    """A rehearsal with all that is worth telling about it.

    Attributes:
        pipeline: The definition.
        plan: What is run.
        placeholders: Names of the parameters that have a placeholder for a value.
        notes: What the rehearsal cannot show.
    """

    pipeline: Pipeline
    plan: RehearsalPlan
    placeholders: Sequence[str]
    notes: Sequence[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``rehearse``."""
    parser.add_argument("file", metavar="FILE", help="a pipeline definition (JSON)")
    parser.add_argument(
        "--parameters",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="values of pipeline parameters (default: those of the definition, else placeholders)",
    )
    parser.add_argument(
        "--outcome",
        nargs="+",
        action="extend",
        default=[],
        metavar="STEP=OUTCOME",
        help=f"how the job of a step ends: {_OUTCOMES} (default: completed)",
    )
    parser.add_argument(
        "--value",
        nargs="+",
        action="extend",
        default=[],
        metavar="STEP.PROPERTYFILE.PATH=VALUE",
        help="a value that the definition reads of a property file (default: 0.0; compared with a text an empty one, "
        "compared with a boolean true)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Rehearse and report; 0 when the pipeline succeeded, 1 when it did not, 2 for a wrong argument."""
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    try:
        prepared = prepare(pipeline, Path(args.file), args.parameters, args.outcome, args.value)
    except (ParameterValueError, OutcomeError, ChosenValueError) as error:
        return _complain(str(error), _WRONG_USAGE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # moto's, which are not about the definition
            result = rehearse(prepared.plan)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("airflow_sm_pipelines"):
            raise
        return _complain(f"{error.name} is not installed: pip install 'airflow-sm-pipelines[local]'", 1)
    except (RefusedDefinitionError, RehearsalBrokenError, LocalAwsError) as error:
        return _complain(str(error), 1)
    print(_as_json(prepared, result) if args.format == "json" else _as_text(prepared, result))
    return 0 if result.state == "success" else 1


def prepare(
    pipeline: Pipeline, file: Path, parameters: Sequence[str], outcomes: Sequence[str], values: Sequence[str]
) -> PreparedRehearsal:
    """Return the rehearsal of a definition.

    Args:
        pipeline: The definition.
        file: Its path.
        parameters: ``NAME=VALUE`` each.
        outcomes: ``STEP=OUTCOME`` each.
        values: ``STEP.PROPERTYFILE.PATH=VALUE`` each.

    Raises:
        ParameterValueError: A parameter does not exist, or cannot have the value.
        OutcomeError: A step does not exist or runs no job, or there is no such outcome.
        ChosenValueError: The definition does not read the value.
    """
    known, placeholders = rehearsal_parameters(pipeline, parameter_values(pipeline, parameters))
    files, notes = files_read(pipeline, known)
    choose_values(files, values)
    plan = RehearsalPlan(file, known, files, chosen_outcomes(pipeline, outcomes))
    return PreparedRehearsal(pipeline, plan, placeholders, notes)


def chosen_outcomes(pipeline: Pipeline, assignments: Sequence[str]) -> dict[str, Outcome]:
    """Return the outcome of each step that the user has chosen one for.

    Args:
        pipeline: The definition.
        assignments: ``STEP=completed``, ``STEP=stopped`` or ``STEP=failed:REASON`` each.

    Raises:
        OutcomeError: The step does not exist or runs no job, or there is no such outcome.
    """
    types = {step.name: step.type for step in pipeline.steps}
    outcomes = {}
    for assignment in assignments:
        name, _, text = assignment.partition("=")
        if name not in types:
            hint = did_you_mean(name, types) or f"it has {list_names(types)}"
            raise OutcomeError(f"the definition has no step {name!r} ({hint})")
        if types[name] not in _JOB_TYPES:
            raise OutcomeError(
                f"step {name} is of type {types[name]}, which runs no job; outcomes are for {list_names(_JOB_TYPES)}"
            )
        outcomes[name] = _outcome(text, assignment)
    return outcomes


def _outcome(text: str, assignment: str) -> Outcome:
    kind, _, reason = text.partition(":")
    if text in ("completed", "stopped"):
        return Outcome(stopped=text == "stopped")
    if kind == "failed" and reason:
        return Outcome(failure_reason=reason)
    raise OutcomeError(f"expected STEP= and {_OUTCOMES}, found {assignment!r}")


def _complain(message: str, code: int) -> int:
    print(f"sm-pipelines rehearse: {message}", file=sys.stderr)
    return code


def _as_json(prepared: PreparedRehearsal, result: RehearsalResult) -> str:
    report: JsonObject = {
        "file": str(prepared.plan.file),
        "state": "succeeded" if result.state == "success" else "failed",
        "note": NOTE,
        "parameters": dict(prepared.plan.parameters),
        "placeholders": list(prepared.placeholders),
        "values": [{"name": name, "value": value} for name, value in _values(prepared.plan.files)],
        "steps": [_step_json(prepared.pipeline, name, result) for name in _names(prepared.pipeline)],
        "notes": list(prepared.notes),
    }
    return json.dumps(report, indent=2)


def _step_json(pipeline: Pipeline, name: str, result: RehearsalResult) -> JsonObject:
    return {
        "name": name,
        "type": pipeline.step(name).type,
        "state": _state(result.tasks, name),
        "reason": result.reasons.get(name),
        "synthetic": list(result.objects.get(name, ())),
    }


def _as_text(prepared: PreparedRehearsal, result: RehearsalResult) -> str:
    lines = [f"Rehearsal of {prepared.plan.file}: no code ran, each output is a {NOTE}."]
    for name in prepared.placeholders:
        lines.append(f"  parameter {name} = {_shown(prepared.plan.parameters[name])} (placeholder: it has no default)")
    lines += [f"  value {name} = {_shown(value)}" for name, value in _values(prepared.plan.files)]
    lines += [f"  note: {note}" for note in prepared.notes]
    names = _names(prepared.pipeline)
    width = max(map(len, names))
    kinds = max(len(prepared.pipeline.step(name).type) for name in names)
    lines.append("")
    for name in names:
        lines.append(f"{name:{width}}  {prepared.pipeline.step(name).type:{kinds}}  {_state_text(result, name)}")
        lines += [f"{'':{width}}  {'':{kinds}}  synthetic: {uri}" for uri in result.objects.get(name, ())]
    lines += ["", f"The pipeline {'succeeded' if result.state == 'success' else 'failed'}."]
    return "\n".join(lines)


def _names(pipeline: Pipeline) -> list[str]:
    return [step.name for step in pipeline.steps]


def _values(files: Sequence[ReadFile]) -> list[tuple[str, Json]]:
    return [(format_path(path, file.names[0]), value) for file in files for path, value in file.values.items()]


def _state(tasks: Mapping[str, str | None], name: str) -> str:
    return _STATES.get(tasks.get(name) or "", "not run")


def _state_text(result: RehearsalResult, name: str) -> str:
    state = _state(result.tasks, name)
    reason = result.reasons.get(name)
    return f"{state}: {reason}" if state == "failed" and reason else state


def _shown(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
