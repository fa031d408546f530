"""``sm-pipelines runs [DAG_ID]``: the newest runs of a DAG, or of all DAGs."""

from __future__ import annotations

import argparse

from airflow_sm_pipelines.cli.airflow_arguments import NO_ANSWER, add_airflow, ask, table
from airflow_sm_pipelines.cli.arguments import add_format, number_of_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``runs``."""
    parser.add_argument("dag_id", metavar="DAG_ID", nargs="?", help="the DAG (default: all that you may see)")
    parser.add_argument(
        "--last", type=number_of_runs, default=20, metavar="N", help="how many, at most 100 (default: %(default)s)"
    )
    add_airflow(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the runs. Return 3 if Airflow did not answer."""
    from airflow_sm_pipelines.executions.run_looks import ALL, runs
    from airflow_sm_pipelines.preview.reports import report_text

    found = ask("runs", args, lambda airflow: runs(airflow, args.dag_id or ALL, args.last))
    if found is None:
        return NO_ANSWER
    if args.format == "json":
        print(report_text(found))
        return 0
    rows = [(f"{one.dag_id}/{one.run_id}", one.state, one.start, one.end, one.started_by) for one in found]
    print(table(("RUN", "STATE", "START", "END", "STARTED BY"), rows))
    return 0
