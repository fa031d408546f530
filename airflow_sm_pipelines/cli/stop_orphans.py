"""``sm-pipelines stop-orphans``: stop the AWS resources that no live Airflow task owns."""

from __future__ import annotations

import argparse
import os
import sys

from airflow_sm_pipelines.cli.arguments import database_trouble
from airflow_sm_pipelines.errors import AwsCallError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--aws-conn-id",
        default="aws_default",
        help="Airflow connection to AWS; empty for boto3's own credentials (default: %(default)s)",
    )
    parser.add_argument("--region", default=None, help="AWS region (default: that of the connection)")
    parser.add_argument(
        "--assume-role-arn", default=None, help="IAM role that pipelines assume, e.g. in another account"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the orphans")


def run(args: argparse.Namespace) -> int:
    """Print and stop each orphan. Return 1 if AWS refused a call; the other orphans are stopped all the same.

    What could not be read or stopped, and the missing permission, goes to standard error. Needs Airflow's database.
    """
    # As Airflow's own commands do, so that connections are read from its database.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_sm_pipelines.execution.connection import AwsConnection
    from airflow_sm_pipelines.execution.identity import DEPLOYMENT_VARIABLE
    from airflow_sm_pipelines.execution.installation import registered_deployment
    from airflow_sm_pipelines.execution.orphans import facts_of_database
    from airflow_sm_pipelines.execution.sweep import Sweep

    try:
        deployment = registered_deployment()
    except SQLAlchemyError as error:
        _warn(database_trouble(error))
        return 1
    if deployment is None:
        _warn(
            f"this Airflow has no variable {DEPLOYMENT_VARIABLE}, so it owns no jobs; its scheduler makes the variable"
        )
        return 1
    sweep = Sweep(print, _warn)
    connection = AwsConnection(args.aws_conn_id or None, args.region, assume_role_arn=args.assume_role_arn)
    try:
        sweep.run(connection, deployment, facts_of_database, dry_run=args.dry_run)
    except AwsCallError as error:
        _warn(str(error))
        return 1
    return 1 if sweep.faults else 0


def _warn(what: str) -> None:
    print(f"sm-pipelines stop-orphans: {what}", file=sys.stderr)
