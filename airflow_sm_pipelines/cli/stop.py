"""``sm-pipelines stop RUN``: stop a run and its AWS jobs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_sm_pipelines.cli.airflow_arguments import NO_ANSWER, add_airflow, ask
from airflow_sm_pipelines.cli.arguments import add_format
from airflow_sm_pipelines.cli.steps import add_run

if TYPE_CHECKING:
    from airflow_sm_pipelines.executions.airflow_client import AirflowClient
    from airflow_sm_pipelines.executions.run_reports import RunLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``stop``."""
    add_run(parser)
    add_airflow(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Stop the run. Return 3 if Airflow did not answer, or the run has ended."""
    from airflow_sm_pipelines.preview.reports import report_text

    stopped = ask("stop", args, lambda airflow: _stop(airflow, args.run))
    if stopped is None:
        return NO_ANSWER
    text = f"{stopped.dag_id}/{stopped.run_id} is stopped: {stopped.state}"
    print(report_text(stopped) if args.format == "json" else text)
    return 0


async def _stop(airflow: AirflowClient, name: str) -> RunLine:
    from airflow_sm_pipelines.executions.run_looks import find_run, stop

    return await stop(airflow, await find_run(airflow, name))
