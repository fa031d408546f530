"""The conf of a run that takes the parameters of an earlier one; for tasks that start runs, and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_sm_pipelines.aws.pipeline_executions import execution_parameters, is_execution_arn
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.execution.airflow_internals.other_runs import other_run
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.semantics.run_options import LATEST_RUN, NO_RUN, SOURCE_RUN, conf_of_selection

StartedWith = Callable[[str, str], "tuple[str, Mapping[str, Any]] | None"]
"""Returns the id of a DAG's run and what it was started with, ``None`` if there is none."""


class NoSourceRunError(SageMakerPipelinesError, LookupError):
    """There is no such run to take parameters from; the message says which."""


def build_run_conf(
    dag_id: str,
    source_run: str,
    *,
    select_steps: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
) -> dict[str, Any]:
    """Return the conf of a run that takes the parameters of an earlier run of the DAG; called in a task.

    As ``Pipeline.build_parameters_from_execution`` of the SDK does it, with the selection beside the parameters. For
    Airflow's ``TriggerDagRunOperator``, or any other way to start a run. Outside tasks, use ``sm-pipelines run-conf``.

    Args:
        dag_id: The DAG of the pipeline.
        source_run: The id of one of its runs, or the ARN of an execution in SageMaker.
        select_steps: The only steps to execute; empty for all.
        parameters: Values of pipeline parameters that replace those of the source run.
        aws_conn_id: Airflow connection to AWS, for an ARN; ``None`` for boto3's own credential chain.
        region_name: AWS region, for an ARN.

    Raises:
        NoSourceRunError: There is no such run.
        AwsCallError: AWS refused a call.
    """
    return run_conf(
        dag_id, source_run, select_steps, parameters or {}, AwsConnection(aws_conn_id, region_name), _as_tasks_see_it
    )


def run_conf(
    dag_id: str,
    source_run: str,
    select_steps: Sequence[str],
    parameters: Mapping[str, Any],
    connection: AwsConnection,
    started_with: StartedWith,
) -> dict[str, Any]:
    """Return what `build_run_conf` returns, with runs looked up in another way.

    Args:
        dag_id: The DAG.
        source_run: The source run.
        select_steps: The steps to execute.
        parameters: Values that replace those of the source run.
        connection: How to reach an execution in SageMaker.
        started_with: Looks a run up.

    Raises:
        NoSourceRunError: There is no such run.
        AwsCallError: AWS refused a call.
    """
    if is_execution_arn(source_run):
        taken: Mapping[str, Any] = execution_parameters(connection.client("sagemaker"), source_run)
        return conf_of_selection(taken, source_run, select_steps, parameters)
    found = started_with(dag_id, source_run)
    if found is None:
        raise NoSourceRunError(f"the DAG {dag_id} has no run {source_run}")
    run_id, conf = found
    return conf_of_selection(conf, run_id, select_steps, parameters)


def _as_tasks_see_it(dag_id: str, run_id: str) -> tuple[str, Mapping[str, Any]] | None:
    if run_id in (LATEST_RUN, NO_RUN):
        raise NoSourceRunError(f"{SOURCE_RUN} {run_id} names no run to take parameters from: give the id of a run")
    run = other_run(dag_id, run_id)
    return None if run is None else (run.run_id, run.conf)
