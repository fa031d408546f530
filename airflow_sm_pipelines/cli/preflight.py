"""``sm-pipelines preflight FILE``: asks AWS whether a first run can succeed. Changes nothing."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.cli.arguments import add_definition, add_format, add_parameters, read_with_values
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.preflight.outcome import Checked, Verdict

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview.preflight.run import Preflight

_SHOWN = (Verdict.ERROR, Verdict.WARNING, Verdict.UNCHECKED)
_MOST_PLACES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``preflight``."""
    add_definition(parser)
    add_parameters(parser, "those of the definition")
    parser.add_argument("--region", help="AWS region (default: that of the environment)")
    parser.add_argument(
        "--principal",
        default="",
        metavar="ARN",
        help="the user or role of the Airflow connection, whose permissions are simulated (default: the caller)",
    )
    parser.add_argument("--role-arn", default="", metavar="ARN", help="the role of steps that name none")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Check and report.

    Returns:
        0; 1 if the file is no definition, a check found an error, or there are no AWS credentials; 2 for a wrong
        argument.
    """
    from airflow_sm_pipelines.preview.preflight.run import run_preflight

    read = read_with_values(args, "preflight")
    if isinstance(read, int):
        return read
    pipeline, values = read

    def client(service: str, region: str = "") -> Any:
        import boto3

        make_client: Any = boto3.client
        return make_client(service, region_name=region or args.region)

    try:
        found = run_preflight(pipeline, values, client, principal=args.principal, role_arn=args.role_arn)
    except AwsCallError as error:
        print(f"sm-pipelines preflight: cannot tell whose AWS account this is: {error}", file=sys.stderr)
        return 1
    if args.format == "json":
        from airflow_sm_pipelines.preview.preflight.reports import PreflightReport
        from airflow_sm_pipelines.preview.reports import report_text

        print(report_text(PreflightReport.of(found)))
    else:
        print(_as_text(args.file, found))
    return 1 if found.of(Verdict.ERROR) else 0


def _as_text(file: str, found: Preflight) -> str:
    where, counts = found.where, {verdict: len(found.of(verdict)) for verdict in Verdict}
    told = [
        _count(counts[Verdict.ERROR], "error"),
        _count(counts[Verdict.WARNING], "warning"),
        f"{counts[Verdict.UNCHECKED]} not checked",
        f"{counts[Verdict.OK]} ok",
    ]
    lines = [f"{file} in account {where.account}, {where.region}: {', '.join(told)}"]
    if found.principal:
        lines.append(f"permissions of {found.principal}")
    for verdict in _SHOWN:
        for one in found.of(verdict):
            lines += _in_words(one)
    return "\n".join(lines)


def _in_words(one: Checked) -> list[str]:
    name = "not checked" if one.verdict is Verdict.UNCHECKED else one.verdict.value
    lines = [f"  {name}: {one.subject}", f"      expected: {one.expected}", f"      found: {one.found}"]
    lines += [f"      in step {place.step}, {place.path}" for place in one.places[:_MOST_PLACES]]
    more = len(one.places) - _MOST_PLACES
    lines += [f"      and {_count(more, 'more place')}"] if more > 0 else []
    return [*lines, f"      -> {one.advice}"] if one.advice else lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
