"""``sm-pipelines check FILE...``: every error and every warning of pipeline definitions."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from airflow_sm_pipelines.definition.advice import DefinitionWarning, warnings
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError

Findings: TypeAlias = "tuple[DefinitionError | DefinitionWarning, ...]"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file.

    Attributes:
        file: The file, as named on the command line.
        errors: Why it cannot become a DAG.
        warnings: What may surprise, only for a file without errors.
        steps: The number of its steps.
    """

    file: str
    errors: Findings = ()
    warnings: Findings = ()
    steps: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``check``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a pipeline definition (JSON)")
    parser.add_argument("--format", choices=("human", "json"), default="human", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Check the files and print the reports; 1 when any file has an error."""
    reports = [check_file(file) for file in args.files]
    if args.format == "json":
        print(json.dumps([_as_json(report) for report in reports], indent=2))
    else:
        print("\n".join(_as_text(report) for report in reports))
    return 1 if any(report.errors for report in reports) else 0


def check_file(file: str) -> Report:
    """Return what is wrong with one file, an unreadable one included."""
    try:
        pipeline = load_pipeline(Path(file))
    except InvalidDefinitionError as invalid:
        return Report(file, errors=tuple(error for error in invalid.exceptions if isinstance(error, DefinitionError)))
    except OSError as error:
        return Report(file, errors=(DefinitionError("", f"cannot be read: {error.strerror or error}"),))
    return Report(file, warnings=warnings(pipeline), steps=len(pipeline.steps))


def _as_json(report: Report) -> dict[str, object]:
    return {
        "file": report.file,
        "errors": [_finding(error) for error in report.errors],
        "warnings": [_finding(warning) for warning in report.warnings],
    }


def _finding(finding: DefinitionError | DefinitionWarning) -> dict[str, str]:
    return {"path": finding.path, "message": finding.message, "hint": finding.hint}


def _as_text(report: Report) -> str:
    lines = []
    if report.errors:
        lines.append(f"{report.file}: {_count(len(report.errors), 'error')}")
    else:
        noted = f", {_count(len(report.warnings), 'warning')}" if report.warnings else ""
        lines.append(f"{report.file}: ok: {_count(report.steps, 'step')}{noted}")
    for severity, findings in (("error", report.errors), ("warning", report.warnings)):
        for finding in findings:
            lines.append(f"  {severity}: {finding.path or 'the definition'}")
            lines.append(f"      {finding.message}")
            if finding.hint:
                lines.append(f"      -> {finding.hint}")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
