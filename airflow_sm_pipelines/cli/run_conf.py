"""``sm-pipelines run-conf``: the conf of a run that takes the parameters of an earlier one, as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, database_trouble, parameter_texts
from airflow_sm_pipelines.errors import AwsCallError, ParameterValueError
from airflow_sm_pipelines.semantics.run_options import LATEST_RUN


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("dag_id", metavar="DAG_ID", help="the DAG of the pipeline")
    parser.add_argument(
        "--source-run",
        default=LATEST_RUN,
        help="the id of one of its runs, or the ARN of an execution in SageMaker (default: its latest run)",
    )
    parser.add_argument(
        "--select", nargs="+", action="extend", default=[], metavar="STEP", help="the only steps to execute"
    )
    parser.add_argument(
        "--parameters",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="values of pipeline parameters that replace those of the source run",
    )
    parser.add_argument(
        "--aws-conn-id",
        default="aws_default",
        help="Airflow connection to AWS, for an ARN; empty for boto3's own credentials (default: %(default)s)",
    )
    parser.add_argument("--region", default=None, help="AWS region, for an ARN (default: that of the connection)")


def run(args: argparse.Namespace) -> int:
    """Print the conf. Needs Airflow's database.

    Returns:
        0; 1 if there is no such run or AWS refused a call; 2 for a wrong argument.
    """
    # As Airflow's own commands do, so that connections are read from its database.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_sm_pipelines.execution.connection import AwsConnection
    from airflow_sm_pipelines.execution.run_conf import NoSourceRunError, run_conf

    connection = AwsConnection(args.aws_conn_id or None, args.region)
    names = [name for one in args.select for name in one.split(",") if name]
    try:
        parameters = parameter_texts(args.parameters)
        conf = run_conf(args.dag_id, args.source_run, names, parameters, connection, _in_database)
    except ParameterValueError as error:
        return _complain(str(error), WRONG_USAGE)
    except (NoSourceRunError, AwsCallError) as error:
        return _complain(str(error), 1)
    except SQLAlchemyError as error:
        return _complain(database_trouble(error), 1)
    print(json.dumps(conf, ensure_ascii=False))
    return 0


def _in_database(dag_id: str, run_id: str) -> tuple[str, Mapping[str, Any]] | None:
    from airflow_sm_pipelines.execution.airflow_internals.server import database_session, started_with

    with database_session() as session:
        return started_with(session, dag_id, None if run_id == LATEST_RUN else run_id)


def _complain(message: str, code: int) -> int:
    print(f"sm-pipelines run-conf: {message}", file=sys.stderr)
    return code
