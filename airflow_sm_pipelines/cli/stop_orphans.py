"""``sm-pipelines stop-orphans``: stop the AWS resources that no live Airflow task owns."""

from __future__ import annotations

import argparse
import os
import sys

from airflow_sm_pipelines.aws.failures import says_denied
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.errors import AwsCallError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--aws-conn-id",
        default="aws_default",
        help="Airflow connection to AWS; empty for boto3's own credentials (default: %(default)s)",
    )
    parser.add_argument("--region", default=None, help="AWS region (default: that of the connection)")
    parser.add_argument("--dry-run", action="store_true", help="only list the orphans")


def run(args: argparse.Namespace) -> int:
    """Print and stop each orphan. Return 1 if AWS refused a call; the other orphans are stopped all the same.

    What could not be read or stopped, and the missing permission, goes to standard error. Needs Airflow's database.
    """
    # As Airflow's own commands do, so that connections are read from its database.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    from airflow_sm_pipelines.execution.connection import AwsConnection
    from airflow_sm_pipelines.execution.identity import deployment_name
    from airflow_sm_pipelines.execution.orphans import find_orphans, stop_orphan

    connection, deployment = AwsConnection(args.aws_conn_id or None, args.region), deployment_name()
    try:
        connection.client("sagemaker")  # fails once, if there are no credentials or no region
    except AwsCallError as error:
        print(f"sm-pipelines stop-orphans: {error}", file=sys.stderr)
        return 1
    found, told = 0, set()

    def refused(what: str, kind: ResourceKind, error: AwsCallError) -> None:
        if (key := (what, error.operation, error.code)) not in told:
            told.add(key)
            print(f"sm-pipelines stop-orphans: {what}: {error.in_words()}{_remedy(kind, error)}", file=sys.stderr)

    def hidden(kind: ResourceKind, error: AwsCallError) -> None:
        refused(f"cannot look at every {kind.noun}", kind, error)

    for orphan in find_orphans(connection, deployment, hidden):
        found += 1
        owner, name = orphan.owner, f"{orphan.kind.noun} {orphan.name}"
        print(f"{name}: task {owner.task_id} of run {owner.run_id} of {owner.dag_id} is {orphan.state}")
        try:
            if not args.dry_run and stop_orphan(connection, orphan):
                print("  stopped")
        except AwsCallError as error:
            refused(f"cannot stop {name}", orphan.kind, error)
    print(f"{found} orphan{'' if found == 1 else 's'} of deployment {deployment}")
    return 1 if told else 0


def _remedy(kind: ResourceKind, error: AwsCallError) -> str:
    """Return which permission to grant, if one is missing."""
    if not says_denied(error.code):
        return ""
    action = next((one for one in kind.iam_actions if one.endswith(f":{error.operation}")), "")
    return f" (allow {action} to the connection's role or user)" if action else ""
