"""``sm-pipelines rehearse FILE``: a whole run through Airflow in seconds, without the definition's code or data."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_sm_pipelines.cli.arguments import (
    WRONG_USAGE,
    add_format,
    add_parameters,
    file_or_folder,
    number_of_runs,
    parameter_texts,
    read_definition,
)
from airflow_sm_pipelines.errors import ParameterValueError, RehearsalError
from airflow_sm_pipelines.rehearsal.documents import ChosenValueError
from airflow_sm_pipelines.rehearsal.outcomes import OUTCOME_FORMS, OutcomeError
from airflow_sm_pipelines.rehearsal.rehearsals import Rehearsals, prepare, report_of
from airflow_sm_pipelines.semantics.run_options import LATEST_RUN, NO_RUN
from airflow_sm_pipelines.semantics.selection import SelectionError

if TYPE_CHECKING:
    from airflow_sm_pipelines.rehearsal.report import RehearsalReport

_TERMINATED = 143


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``rehearse``."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=file_or_folder,
        help="a pipeline definition (JSON), or a folder: each *.json directly in it; one start of Airflow serves all",
    )
    add_parameters(parser, "those of the definition, or else placeholders")
    parser.add_argument(
        "--outcome",
        nargs="+",
        action="extend",
        default=[],
        metavar="STEP=OUTCOME",
        help=f"how the job of a step ends: {OUTCOME_FORMS} (default: completed)",
    )
    parser.add_argument(
        "--value",
        nargs="+",
        action="extend",
        default=[],
        metavar="STEP.PROPERTYFILE.PATH=VALUE",
        help="a value that the definition reads from a property file, or an output of a Lambda or Callback step "
        "(STEP.OutputParameters.NAME=VALUE); by default, one with which the conditions avoid Fail steps",
    )
    parser.add_argument(
        "--runs",
        type=number_of_runs,
        default=1,
        metavar="N",
        help="run it N times, one after the other; the later runs show which results they reuse (default: %(default)s)",
    )
    parser.add_argument(
        "--select",
        nargs="+",
        action="extend",
        default=[],
        metavar="STEP",
        help="the only steps to execute (also STEP,STEP); the run before it, of all steps, provides what they wait for",
    )
    parser.add_argument(
        "--source-run",
        choices=(LATEST_RUN, NO_RUN),
        default=LATEST_RUN,
        help="where a selection takes the other steps from: the run before it, or nowhere (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="return 1 also if AWS would refuse a request that the rehearsal let pass"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Rehearse and report.

    Returns:
        0 if every pipeline succeeded, and with ``--strict`` AWS would refuse nothing; 1 if not; 2 for a wrong argument.
    """
    files = [file for named in args.files for file in ([named] if isinstance(named, str) else named)]
    if len(files) > 1 and (args.parameters or args.outcome or args.value or args.select):
        return _complain("--parameters, --outcome, --value and --select are for one FILE", WRONG_USAGE)
    reports: list[RehearsalReport] = []
    codes = []
    with _ending_in_order(), Rehearsals() as rehearsals:
        for file in files:
            code, report = _rehearse_file(file, args, rehearsals)
            codes.append(code)
            if report is None:
                continue
            if args.format == "text":
                print(("\n" if reports else "") + str(report), flush=True)
            reports.append(report)
    as_list = args.files != files[:1]  # several files, or a folder
    if args.format == "json" and (reports or as_list):
        _print_json(reports, as_list=as_list)
    return max(codes)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Clean up on SIGTERM as on Ctrl-C; otherwise folders and processes would be left behind."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _rehearse_file(file: str, args: argparse.Namespace, rehearsals: Rehearsals) -> tuple[int, RehearsalReport | None]:
    """Return the exit code and the report. If there is none, the reason has been printed."""
    pipeline = read_definition(file)
    if pipeline is None:
        return 1, None
    try:
        parameters = parameter_texts(args.parameters)
        outcomes = dict(one.partition("=")[::2] for one in args.outcome)
        prepared = prepare(
            pipeline,
            Path(file),
            parameters=parameters,
            outcomes=outcomes,
            values=args.value,
            runs=args.runs,
            select=[name for one in args.select for name in one.split(",") if name],
            source_run=args.source_run,
        )
    except (ParameterValueError, OutcomeError, ChosenValueError, SelectionError) as error:
        return _complain(str(error), WRONG_USAGE), None
    try:
        report = report_of(prepared, rehearsals.run(prepared.scenario))
    except RehearsalError as error:
        return _complain(str(error), 1), None
    passed = report.succeeded and not (args.strict and report.warnings)
    return (0 if passed else 1), report


def _print_json(reports: list[RehearsalReport], *, as_list: bool) -> None:
    from airflow_sm_pipelines.preview.reports import report_text

    print(report_text(reports if as_list else reports[0]))


def _complain(message: str, code: int) -> int:
    print(f"sm-pipelines rehearse: {message}", file=sys.stderr)
    return code
