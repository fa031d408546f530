"""``sm-pipelines check FILE...``: every error and every warning of pipeline definitions, and what is good to know."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.package_faults import PackageFaultError, package_faults
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError
from airflow_sm_pipelines.preview.advice import DefinitionWarning
from airflow_sm_pipelines.preview.findings import DefinitionNote, find

_MOST_FINDINGS_SHOWN = 100
_REQUESTS_LATER = "the requests of the steps are not compared with AWS's API yet: check again without these errors"

Findings: TypeAlias = "tuple[DefinitionError | DefinitionWarning | DefinitionNote, ...]"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What was found in one file.

    Attributes:
        file: The file, as named on the command line.
        errors: Why it cannot become a DAG, or why a step of it fails.
        warnings: What may fail, or surprise; only of a file that becomes a DAG.
        notes: What is good to know.
        steps: The number of its steps.
    """

    file: str
    errors: Findings = ()
    warnings: Findings = ()
    notes: Findings = ()
    steps: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``check``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a pipeline definition (JSON)")
    parser.add_argument(
        "--format",
        choices=("text", "json", "human"),
        default="text",
        help="default: %(default)s; human is an old name of text",
    )


def run(args: argparse.Namespace) -> int:
    """Check the files and print what was found. Return 1 if any file has an error."""
    checked = [check_file(file) for file in args.files]
    print(_as_json(checked) if args.format == "json" else "\n".join(map(_as_text, checked)))
    return 1 if any(one.errors for one in checked) else 0


def check_file(file: str) -> CheckedFile:
    """Return what is wrong with one file, an unreadable one included."""
    try:
        pipeline = load_pipeline(Path(file))
        with package_faults(file):
            found = find(pipeline)
    except InvalidDefinitionError as invalid:
        errors = tuple(error for error in invalid.exceptions if isinstance(error, DefinitionError))
        of_steps = any(error.path.startswith("Steps") for error in errors)
        return CheckedFile(file, errors, notes=(DefinitionNote("", _REQUESTS_LATER),) if of_steps else ())
    except PackageFaultError as fault:
        return CheckedFile(file, errors=(DefinitionError("", fault.with_traceback_text()),))
    except OSError as error:
        return CheckedFile(file, errors=(DefinitionError("", f"cannot be read: {error.strerror or error}"),))
    return CheckedFile(file, found.errors, found.warnings, found.notes, len(pipeline.steps))


def _as_json(checked: Sequence[CheckedFile]) -> str:
    from airflow_sm_pipelines.preview.reports import CheckReport, Finding, report_text

    def listed(findings: Findings) -> list[Finding]:
        return [Finding(path=one.path, message=one.message, hint=one.hint) for one in findings]

    return report_text(
        [
            CheckReport(
                file=one.file,
                errors=listed(one.errors),
                warnings=listed(one.warnings),
                **({"notes": listed(one.notes)} if one.notes else {}),
            )
            for one in checked
        ]
    )


def _as_text(checked: CheckedFile) -> str:
    lines = []
    noted = f", {_count(len(checked.warnings), 'warning')}" if checked.warnings else ""
    if checked.errors:
        lines.append(f"{checked.file}: {_count(len(checked.errors), 'error')}{noted}")
    else:
        lines.append(f"{checked.file}: ok: {_count(checked.steps, 'step')}{noted}")
    for severity, findings in (("error", checked.errors), ("warning", checked.warnings), ("note", checked.notes)):
        for finding in findings[:_MOST_FINDINGS_SHOWN]:
            lines.append(f"  {severity}: {finding.path or 'the definition'}")
            lines += [f"      {line}" for line in finding.message.split("\n")]
            if finding.hint:
                lines.append(f"      -> {finding.hint}")
        if len(findings) > _MOST_FINDINGS_SHOWN:
            lines.append(f"  and {_count(len(findings) - _MOST_FINDINGS_SHOWN, f'more {severity}')}")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
