"""``sm-pipelines stop-orphans``: stop the AWS resources that no live Airflow task owns."""

from __future__ import annotations

import argparse
import os
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--aws-conn-id",
        default="aws_default",
        help="Airflow connection to AWS; an empty text uses boto3's own credentials (default: %(default)s)",
    )
    parser.add_argument("--region", default=None, help="AWS region (default: that of the connection)")
    parser.add_argument("--dry-run", action="store_true", help="only list them")


def run(args: argparse.Namespace) -> int:
    """Print and stop each orphan; returns 1 if AWS refused a call. Needs Airflow's database."""
    # What Airflow's own commands set, so that connections are read from its database.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    from airflow_sm_pipelines.aws.calls import CallRefusedError  # noqa: PLC0415 - the CLI starts without Airflow
    from airflow_sm_pipelines.execution.connection import AwsConnection  # noqa: PLC0415
    from airflow_sm_pipelines.execution.identity import deployment_name  # noqa: PLC0415
    from airflow_sm_pipelines.execution.orphans import find_orphans, stop_orphan  # noqa: PLC0415

    connection, deployment = AwsConnection(args.aws_conn_id or None, args.region), deployment_name()
    found = 0
    try:
        for orphan in find_orphans(connection, deployment):
            found += 1
            owner = orphan.owner
            print(
                f"{orphan.kind.noun} {orphan.name}: task {owner.task_id} of run {owner.run_id} of {owner.dag_id} "
                f"is {orphan.state}"
            )
            if not args.dry_run and stop_orphan(connection, orphan):
                print("  stopped")
    except CallRefusedError as error:
        print(f"sm-pipelines stop-orphans: {error}", file=sys.stderr)
        return 1
    print(f"{found} orphan{'' if found == 1 else 's'} of deployment {deployment}")
    return 0
