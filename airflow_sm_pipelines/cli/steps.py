"""``sm-pipelines steps RUN``: how far the steps of a run are, and why one failed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_sm_pipelines.cli.airflow_arguments import NO_ANSWER, add_airflow, ask, table
from airflow_sm_pipelines.cli.arguments import add_format

if TYPE_CHECKING:
    from airflow_sm_pipelines.executions.airflow_client import AirflowClient
    from airflow_sm_pipelines.executions.run_reports import RunSteps, StepLine

_LONGEST_LINE = 300
_HEAD = ("STEP", "TYPE", "STATE", "JOB", "ATTEMPTS", "SECONDS", "CACHE HIT", "REASON")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``steps``."""
    add_run(parser)
    add_airflow(parser)
    add_format(parser)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Declare the argument RUN."""
    parser.add_argument("run", metavar="RUN", help="DAG_ID/RUN_ID, or a run id that only one DAG has")


def run(args: argparse.Namespace) -> int:
    """Print the steps. Return 3 if Airflow did not answer, or has no such run."""
    from airflow_sm_pipelines.preview.reports import report_text

    found = ask("steps", args, lambda airflow: _look(airflow, args.run))
    if found is None:
        return NO_ANSWER
    print(report_text(found) if args.format == "json" else step_table(found.steps))
    return 0


async def _look(airflow: AirflowClient, name: str) -> RunSteps:
    from airflow_sm_pipelines.executions.run_looks import find_run, run_line, steps
    from airflow_sm_pipelines.executions.run_reports import RunSteps

    found = await find_run(airflow, name)
    return RunSteps(run=run_line(found), steps=await steps(airflow, found))


def step_table(lines: Sequence[StepLine]) -> str:
    """Return the steps as text, a line for each; below them the reasons that have more than one line."""
    rows = table(
        _HEAD,
        [
            (one.step, one.type, one.state, one.job, one.attempts, one.seconds, one.cache_hit, _first_line(one.reason))
            for one in lines
        ],
    )
    long = [f"{one.step}: {_cut_lines(one.reason)}" for one in lines if one.reason and "\n" in one.reason]
    return "\n\n".join([rows, *long])


def _cut_lines(text: str) -> str:
    """Return a text in which no line is longer than people read."""
    cut = (line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in text.splitlines())
    return "\n  ".join(cut)


def _first_line(reason: str | None) -> str | None:
    return _cut_lines(reason.partition("\n")[0]) if reason else None
