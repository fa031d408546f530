"""``sm-pipelines resolve FILE --scope SCOPE.json``: every expression of a definition, evaluated with given values."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from textwrap import indent

from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, add_definition, add_format, read_definition
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.preview.given_values import GivenScope, GivenValues, read_given_values
from airflow_sm_pipelines.preview.resolve import ResolvedStep, resolve_report, resolve_steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``resolve``."""
    add_definition(parser)
    parser.add_argument(
        "--scope",
        metavar="SCOPE.json",
        required=True,
        help='the values: {"parameters": {}, "execution": {}, "steps": {NAME: properties}, "files": {S3URI: JSON},'
        ' "current_item": JSON}; each member is optional',
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the resolved steps. Return 1 if the definition is not valid or a value is missing, 2 for a bad scope."""
    given = _read_scope(args.scope)
    if given is None:
        return WRONG_USAGE
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    scope = GivenScope(pipeline, given)
    for sentence in scope.unused():
        print(f"{args.scope}: {sentence}", file=sys.stderr)
    resolved = resolve_steps(pipeline, scope)
    print(_as_json(resolved) if args.format == "json" else "\n".join(map(_as_text, resolved)))
    return 1 if any(step.errors for step in resolved) else 0


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


def _as_json(steps: list[ResolvedStep]) -> str:
    from airflow_sm_pipelines.preview.reports import report_text

    return report_text(resolve_report(steps))


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
