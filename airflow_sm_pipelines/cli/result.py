"""``sm-pipelines result RUN STEP``: what a step has published, or a part of it, as JSON."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from airflow_sm_pipelines.cli.airflow_arguments import NO_ANSWER, add_airflow, ask, complain
from airflow_sm_pipelines.cli.arguments import WRONG_USAGE
from airflow_sm_pipelines.cli.steps import add_run
from airflow_sm_pipelines.definition.paths import Path, parse_path
from airflow_sm_pipelines.errors import MissingMemberError, PathSyntaxError

if TYPE_CHECKING:
    from airflow_sm_pipelines.definition.json_values import Json
    from airflow_sm_pipelines.executions.airflow_client import AirflowClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``result``."""
    add_run(parser)
    parser.add_argument("step", metavar="STEP", help="the step, as `sm-pipelines steps` names it")
    parser.add_argument(
        "--path",
        default="",
        help="a part, as in a definition's Get, e.g. ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="json", help="text: a string without quotes (default: json)"
    )
    add_airflow(parser)


def run(args: argparse.Namespace) -> int:
    """Print the result. Return 1 if it has no such part, 2 for a malformed path, 3 if Airflow did not answer."""
    try:
        path = parse_path(args.path)
    except PathSyntaxError as error:
        complain("result", str(error))
        return WRONG_USAGE
    try:
        found = ask("result", args, lambda airflow: _look(airflow, args.run, args.step, path))
    except MissingMemberError as error:
        complain("result", f"step {args.step}: {error}")
        return 1
    if found is None:
        return NO_ANSWER
    (value,) = found
    as_text = args.format == "text" and isinstance(value, str)
    print(value if as_text else json.dumps(value, indent=2, ensure_ascii=False))
    return 0


async def _look(airflow: AirflowClient, name: str, step: str, path: Path) -> tuple[Json]:
    from airflow_sm_pipelines.executions.run_looks import find_run, result

    return (await result(airflow, await find_run(airflow, name), step, path),)
