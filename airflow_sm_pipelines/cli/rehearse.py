"""``sm-pipelines rehearse FILE``: a whole run through Airflow in seconds, without the definition's code or data."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_sm_pipelines.cli.definition_file import read_definition
from airflow_sm_pipelines.cli.parameter_arguments import add_format, add_parameters, parameter_values
from airflow_sm_pipelines.cli.user_settings import without_user_settings
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.definition.models import ParameterValueError, Pipeline
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.rehearsal.checks import needs_of_checks
from airflow_sm_pipelines.rehearsal.choices import choose_branches
from airflow_sm_pipelines.rehearsal.documents import ReadFile
from airflow_sm_pipelines.rehearsal.files import ChosenValueError, choose_values, files_read
from airflow_sm_pipelines.rehearsal.items import choose_items, items_of_parameters
from airflow_sm_pipelines.rehearsal.parameters import rehearsal_parameters
from airflow_sm_pipelines.rehearsal.run import (
    RefusedDefinitionError,
    RehearsalAirflow,
    RehearsalBrokenError,
    RehearsalPlan,
    RehearsalResult,
    dag_id_of,
    rehearse,
)
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Outcome, Refusal
from airflow_sm_pipelines.rehearsal.step_states import step_state

_WRONG_USAGE = 2
_CHECK_TYPES = ("QualityCheck", "ClarifyCheck")
# No operation stops the deployment of these.
_DEPLOYED_TYPES = ("Endpoint", "InferenceComponent")
# No job, but somebody who answers.
_ANSWERED_TYPES = ("Callback", "Lambda")
_JOB_TYPES = (
    "Processing",
    "Training",
    "Transform",
    "Tuning",
    "AutoML",
    "Job",
    "EMR",
    "EMRServerless",
    *_ANSWERED_TYPES,
    *_DEPLOYED_TYPES,
    *_CHECK_TYPES,
)
_LONGEST_REASON = 400
_TERMINATED = 143
_OUTCOMES = "completed, stopped, failed:REASON or, of a check, violation"


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
    parser.add_argument("files", metavar="FILE", nargs="+", help="a pipeline definition (JSON)")
    add_parameters(parser, "those of the definition, else placeholders")
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
        help="a value that the definition reads of a property file, or an output of a Lambda or Callback step "
        "(STEP.OutputParameters.NAME=VALUE); the default is one with which the conditions lead past the Fail steps",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Rehearse and report; 0 when every pipeline succeeded, 1 when one did not, 2 for a wrong argument."""
    if len(args.files) > 1 and (args.parameters or args.outcome or args.value):
        return _complain("--parameters, --outcome and --value are for one FILE", _WRONG_USAGE)
    reports: list[JsonObject] = []
    codes = []
    with _ending_in_order(), without_user_settings(), RehearsalAirflow() as airflow:
        for file in args.files:
            code, report = _rehearse_file(file, args, airflow)
            codes.append(code)
            if report is not None and args.format == "text":
                print(("\n" if reports else "") + _as_text(*report), flush=True)
            reports += [] if report is None else [_as_json(*report)]
    if args.format == "json" and (reports or len(args.files) > 1):
        print(json.dumps(reports if len(args.files) > 1 else reports[0], indent=2))
    return max(codes)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM unwind what was started, as Ctrl-C does: else folders and processes would be left."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _rehearse_file(
    file: str, args: argparse.Namespace, airflow: RehearsalAirflow
) -> tuple[int, tuple[PreparedRehearsal, RehearsalResult] | None]:
    """Return the exit code, and what there is to report; an error has been told."""
    pipeline = read_definition(file)
    if pipeline is None:
        return 1, None
    try:
        prepared = prepare(pipeline, Path(file), args.parameters, args.outcome, args.value)
    except (ParameterValueError, OutcomeError, ChosenValueError) as error:
        return _complain(str(error), _WRONG_USAGE), None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # moto's, which are not about the definition
            result = rehearse(prepared.plan, airflow)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("airflow_sm_pipelines"):
            raise
        return _complain(f"{error.name} is not installed: pip install 'airflow-sm-pipelines[local]'", 1), None
    except (RefusedDefinitionError, RehearsalBrokenError, LocalAwsError) as error:
        return _complain(str(error), 1), None
    return (0 if result.state == "success" else 1), (prepared, result)


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
    given = parameter_values(pipeline, parameters)
    known, placeholders = rehearsal_parameters(pipeline, given)
    known |= {name: items for name, items in items_of_parameters(pipeline).items() if name in placeholders}
    files, notes, scope = files_read(pipeline, known, dag_id_of(file))
    choose_items(pipeline, scope)
    fixed = choose_values(files, values) | {scope.parameter_value(name) for name in given}
    notes += choose_branches(pipeline, scope, files, fixed)
    known = scope.parameter_values()
    checks, remarks = needs_of_checks(pipeline, known)
    plan = RehearsalPlan(file, known, files, chosen_outcomes(pipeline, outcomes), checks)
    return PreparedRehearsal(pipeline, plan, placeholders, [*notes, *remarks])


def chosen_outcomes(pipeline: Pipeline, assignments: Sequence[str]) -> dict[str, Outcome]:
    """Return the outcome of each step that the user has chosen one for.

    Args:
        pipeline: The definition.
        assignments: ``STEP=completed``, ``STEP=stopped``, ``STEP=failed:REASON`` or ``STEP=violation`` each.

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
        if outcomes[name].violation and types[name] not in _CHECK_TYPES:
            raise OutcomeError(f"step {name} is of type {types[name]}, which finds no violations")
        if outcomes[name].stopped and types[name] in (*_DEPLOYED_TYPES, *_ANSWERED_TYPES):
            raise OutcomeError(f"step {name} is of type {types[name]}, which cannot be stopped")
    return outcomes


def _outcome(text: str, assignment: str) -> Outcome:
    kind, _, reason = text.partition(":")
    if text in ("completed", "stopped", "violation"):
        return Outcome(stopped=text == "stopped", violation=text == "violation")
    if kind == "failed" and reason:
        return Outcome(failure_reason=reason)
    raise OutcomeError(f"expected STEP= and {_OUTCOMES}, found {assignment!r}")


def _complain(message: str, code: int) -> int:
    print(f"sm-pipelines rehearse: {message}", file=sys.stderr)
    return code


def _as_json(prepared: PreparedRehearsal, result: RehearsalResult) -> JsonObject:
    return {
        "file": str(prepared.plan.file),
        "state": "succeeded" if result.state == "success" else "failed",
        "note": NOTE,
        "parameters": dict(prepared.plan.parameters),
        "placeholders": list(prepared.placeholders),
        "values": [{"name": name, "value": value} for name, value in _values(prepared.plan.files)],
        "steps": [_step_json(prepared.pipeline, name, result) for name in _names(prepared.pipeline)],
        "notes": list(prepared.notes),
        "warnings": [
            {"step": one.step or None, "operation": one.operation, "message": one.reason} for one in result.refusals
        ],
    }


def _step_json(pipeline: Pipeline, name: str, result: RehearsalResult) -> JsonObject:
    return {
        "name": name,
        "type": pipeline.step(name).type,
        **step_state(pipeline.step(name), result.tasks, result.reasons).as_json(),
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
        step = prepared.pipeline.step(name)
        ended = step_state(step, result.tasks, result.reasons).in_words()
        lines.append(f"{name:{width}}  {step.type:{kinds}}  {ended}")
        lines += [f"{'':{width}}  {'':{kinds}}  synthetic: {uri}" for uri in result.objects.get(name, ())]
    if result.refusals:
        lines += ["", "AWS would refuse what the rehearsal let pass:"]
        lines += [f"  {_refusal(one)}" for one in result.refusals]
    lines += ["", f"The pipeline {'succeeded' if result.state == 'success' else 'failed'}."]
    return "\n".join(lines)


def _names(pipeline: Pipeline) -> list[str]:
    return [step.name for step in pipeline.steps]


def _values(files: Sequence[ReadFile]) -> list[tuple[str, Json]]:
    return [(format_path(path, file.names[0]), value) for file in files for path, value in file.values.items()]


def _refusal(refusal: Refusal) -> str:
    """Describe one, cut to a line or two: AWS enumerates every instance type that it knows. The JSON has all of it."""
    reason = refusal.reason
    brief = reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"
    return ": ".join(filter(None, (refusal.step, refusal.operation, brief)))


def _shown(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
