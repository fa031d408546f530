"""The DAG that stops what no live task owns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.operators.stop_orphans import StopOrphansOperator
from airflow_sm_pipelines.translation.translator import calling_file

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.airflow_internals.authoring import ScheduleArg

_START = datetime(2020, 12, 1, tzinfo=UTC)
_DOCUMENTATION = """Stops the AWS jobs of this Airflow deployment that no live task owns: those of tasks that were
cleared while no triggerer ran, of runs that were deleted then, and of workers that died for good.

One task for each connection, region and role that pipelines use. It touches only what this deployment has created.
"""


def stop_orphans_dag(
    *,
    dag_id: str = "sm_pipelines_stop_orphans",
    schedule: ScheduleArg = timedelta(minutes=15),
    aws_conn_ids: Sequence[str | None] = ("aws_default",),
    region_names: Sequence[str | None] = (None,),
    assume_role_arns: Sequence[str | None] = (None,),
    **dag_kwargs: Any,
) -> DAG:
    """Create the maintenance DAG, in a DAG file of its own; it is not paused when it is new.

    Airflow tells a trigger or a listener of most ways in which a person ends a task. What nobody is told of (a clear or
    a deleted run while no triggerer runs) this DAG finds: no job outlives its task for longer than one interval.

    Args:
        dag_id: Id of the DAG.
        schedule: Airflow's schedule.
        aws_conn_ids: Airflow connections to AWS that pipelines use; ``None`` for boto3's own credential chain.
        region_names: AWS regions that pipelines use; ``None`` for that of the connection or the environment.
        assume_role_arns: IAM roles that pipelines assume, e.g. of other accounts; ``None`` for the connection itself.
        dag_kwargs: Any other argument of Airflow's ``DAG``.
    """
    settings = {
        "start_date": _START,
        "catchup": False,
        "is_paused_upon_creation": False,
        "max_active_runs": 1,
        "tags": ["sagemaker"],
        "doc_md": _DOCUMENTATION,
        **dag_kwargs,
    }
    dag = DAG(dag_id, schedule=schedule, **settings)
    dag.fileloc = calling_file()
    for aws_conn_id, region_name, role in product(aws_conn_ids, region_names, assume_role_arns):
        parts = [aws_conn_id or "boto3"] if len(aws_conn_ids) > 1 else []
        parts += [region_name or "default_region"] if len(region_names) > 1 else []
        parts += [_role_id(role)] if len(assume_role_arns) > 1 else []
        StopOrphansOperator(
            task_id="__".join(("stop_orphans", *parts)),
            connection=AwsConnection(aws_conn_id, region_name, assume_role_arn=role),
            retries=0,  # the next run comes soon
            dag=dag,
        )
    return dag


def _role_id(role_arn: str | None) -> str:
    """Return account and name of a role with the characters of a task id."""
    account_and_name = "_".join((role_arn or "").split(":")[4:])
    return re.sub(r"[^\w.-]+", "_", account_and_name.replace("role/", "", 1)) or "no_role"
