"""``sm-pipelines start DAG_ID``: start a run, and with ``--wait`` follow its steps to the end."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from airflow_sm_pipelines.cli.airflow_arguments import NO_ANSWER, add_airflow, ask, complain
from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, add_format, add_parameters, parameter_texts
from airflow_sm_pipelines.cli.step_progress import StepProgress
from airflow_sm_pipelines.cli.steps import step_table
from airflow_sm_pipelines.errors import ParameterValueError
from airflow_sm_pipelines.semantics.run_options import SELECT_STEPS, SOURCE_RUN

if TYPE_CHECKING:
    from airflow_sm_pipelines.executions.airflow_client import AirflowClient
    from airflow_sm_pipelines.executions.run_reports import RunSteps

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_POLL_SECONDS = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``start``."""
    parser.add_argument("dag_id", metavar="DAG_ID", help="the DAG of the pipeline")
    add_parameters(parser, default="those of the DAG")
    parser.add_argument(
        "--select", nargs="+", action="extend", default=[], metavar="STEP", help="the only steps to execute"
    )
    parser.add_argument("--source-run", help="with --select: the run whose results are reused (default: the latest)")
    parser.add_argument("--wait", action="store_true", help="follow the run; the exit code is 1 if it fails")
    add_airflow(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Start the run. Return 1 if it was followed and failed, 2 for a wrong argument, 3 if Airflow did not answer."""
    try:
        conf: dict[str, object] = {**parameter_texts(args.parameters)}
    except ParameterValueError as error:
        complain("start", str(error))
        return WRONG_USAGE
    selected = [name for one in args.select for name in one.split(",") if name]
    if args.source_run and not selected:
        complain("start", "--source-run needs --select: without it, every step is executed")
        return WRONG_USAGE
    conf |= {SELECT_STEPS: selected} if selected else {}
    conf |= {SOURCE_RUN: args.source_run} if args.source_run else {}
    started: list[str] = []
    try:
        found = ask("start", args, lambda airflow: _start(airflow, args, conf, started))
    except KeyboardInterrupt:
        name = started[0] if started else ""
        going_on = (
            f"the run goes on: {name}; stop it with `sm-pipelines stop {name}`" if name else "nothing was started"
        )
        complain("start", going_on)
        return INTERRUPTED
    if found is None:
        if started:
            complain("start", f"the run goes on: {started[0]}")
        return NO_ANSWER
    return _shown(found, args)


def _shown(found: RunSteps, args: argparse.Namespace) -> int:
    from airflow_sm_pipelines.preview.reports import report_text

    name = f"{found.run.dag_id}/{found.run.run_id}"
    if args.format == "json":
        print(report_text(found))
    elif args.wait:
        print(f"{name}: {found.run.state}\n{step_table(found.steps)}")
    else:
        print(f"{name} is {found.run.state}; follow it with `sm-pipelines steps {name}`")
    return 1 if args.wait and found.run.state != "success" else 0


async def _start(
    airflow: AirflowClient, args: argparse.Namespace, conf: dict[str, object], started: list[str]
) -> RunSteps:
    from airflow_sm_pipelines.executions.run_looks import UNENDED, find_run, run_line, start, steps
    from airflow_sm_pipelines.executions.run_reports import RunSteps

    run = await start(airflow, args.dag_id, conf)
    name = f"{run['dag_id']}/{run['dag_run_id']}"
    started.append(name)
    if not args.wait:
        return RunSteps(run=run_line(run), steps=[])
    print(f"{name} is started", file=sys.stderr)
    progress = StepProgress(sys.stderr)
    while True:
        run = await find_run(airflow, name)
        lines = await steps(airflow, run)
        progress.show(lines)
        if run["state"] not in UNENDED:
            return RunSteps(run=run_line(run), steps=lines)
        await asyncio.sleep(_POLL_SECONDS)
