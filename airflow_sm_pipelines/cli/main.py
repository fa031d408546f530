"""The entry point ``sm-pipelines``: a table of subcommands. Each is imported only when it is chosen."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from typing import NamedTuple, Protocol, cast

from airflow_sm_pipelines import __version__


class Subcommand(NamedTuple):
    """One row of ``sm-pipelines --help``.

    Attributes:
        module: The module that implements it, with `add_arguments` and `run`.
        summary: One line for ``--help``.
    """

    module: str
    summary: str


class SubcommandModule(Protocol):
    """The functions that the module of a subcommand has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the subcommand's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Run it and return the exit code."""


SUBCOMMANDS = {
    "check": Subcommand("airflow_sm_pipelines.cli.check", "check pipeline definitions and list every error at once"),
    "graph": Subcommand("airflow_sm_pipelines.cli.graph", "show the graph that a definition becomes"),
    "plan": Subcommand("airflow_sm_pipelines.cli.plan", "show every AWS request as it would be sent"),
    "resolve": Subcommand("airflow_sm_pipelines.cli.resolve", "evaluate every expression with given values"),
    "diff": Subcommand(
        "airflow_sm_pipelines.cli.diff", "show what changed between two definitions, and what runs again"
    ),
    "compare": Subcommand(
        "airflow_sm_pipelines.cli.compare", "compare an execution of SageMaker with the requests that we would send"
    ),
    "iam-policy": Subcommand(
        "airflow_sm_pipelines.cli.iam_policy", "print the least IAM policy that a definition needs"
    ),
    "preflight": Subcommand(
        "airflow_sm_pipelines.cli.preflight", "ask AWS, before a first run, what would make it fail"
    ),
    "rehearse": Subcommand("airflow_sm_pipelines.cli.rehearse", "run a definition in seconds, without code or data"),
    "run-conf": Subcommand(
        "airflow_sm_pipelines.cli.run_conf", "print the conf of a run that takes the parameters of an earlier one"
    ),
    "runs": Subcommand("airflow_sm_pipelines.cli.runs", "list the newest runs of a DAG, or of all DAGs"),
    "steps": Subcommand("airflow_sm_pipelines.cli.steps", "show how far the steps of a run are, and why one failed"),
    "result": Subcommand("airflow_sm_pipelines.cli.result", "print what a step of a run has published"),
    "start": Subcommand("airflow_sm_pipelines.cli.start", "start a run, and follow it with --wait"),
    "stop": Subcommand("airflow_sm_pipelines.cli.stop", "stop a run and its AWS jobs"),
    "export": Subcommand(
        "airflow_sm_pipelines.cli.export", "write the definition of an SDK Pipeline, or a stored one, to a file"
    ),
    "pull": Subcommand(
        "airflow_sm_pipelines.cli.pull", "write the pipelines of an account into files, if they changed"
    ),
    "schedules": Subcommand(
        "airflow_sm_pipelines.cli.schedules", "list what starts a pipeline in the AWS account, and how Airflow says it"
    ),
    "local": Subcommand("airflow_sm_pipelines.cli.local", "run a local AWS that pipelines can use"),
    "demo": Subcommand("airflow_sm_pipelines.cli.demo", "run the example pipelines, without an AWS account"),
    "stop-orphans": Subcommand("airflow_sm_pipelines.cli.stop_orphans", "stop AWS jobs that no live task owns"),
}


_OF_AIRFLOW = frozenset({"airflow", "fastapi", "httpx", "pydantic", "sqlalchemy", "starlette"})
"""Modules that come with Airflow; some commands also work without them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments after the program's name; those of the process by default.

    Returns:
        The exit code: 0 for success, 1 for failure. Wrong usage exits with 2.
    """
    for stream in (sys.stdout, sys.stderr):
        # JSON can hold text that no terminal can print, such as half of a surrogate pair.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((name for name in arguments if not name.startswith("-")), None)
    parser = _parser(chosen)
    args = parser.parse_args(arguments)
    subcommand = cast("SubcommandModule", import_module(SUBCOMMANDS[args.subcommand].module))
    try:
        code = subcommand.run(args)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_AIRFLOW:
            raise
        needed = f"sm-pipelines {args.subcommand} needs {error.name}: run it where Airflow is installed"
        print(needed, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output has seen enough (`| head`). Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def run_in_airflow(args: argparse.Namespace) -> None:
    """Run ``airflow sm-pipelines …``: what follows is a command line of ours.

    Args:
        args: What Airflow has read; ``arguments`` are ours.
    """
    arguments = ["--help"] if args.arguments in ([], ["help"]) else args.arguments
    sys.exit(main(arguments))


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sm-pipelines", description="Work with Amazon SageMaker pipeline definitions and the DAGs they become."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    rows = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
    for name, row in SUBCOMMANDS.items():
        # find_spec only looks for the file and runs nothing, so that --help stays fast.
        if find_spec(row.module) is None:
            continue
        subparser = rows.add_parser(name, help=row.summary, description=f"{row.summary[0].upper()}{row.summary[1:]}.")
        if name == chosen:
            cast("SubcommandModule", import_module(row.module)).add_arguments(subparser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
