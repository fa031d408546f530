"""The command that the local AWS runs for a step's HadoopJarStep.

It has two of EMR's jars, under the names that EMR documents: ``command-runner.jar``, which runs its arguments as a
command, and ``script-runner.jar``, which brings a script from S3 and runs it. Commands are those of this machine:
``spark-submit`` runs if it is installed here, with ``--master local[2]`` instead of the cluster's YARN. Any other jar
needs Hadoop, and fails with a reason that says so.
"""

from __future__ import annotations

import posixpath
import shutil

from botocore.client import BaseClient

from airflow_sm_pipelines.local.jobs.container import ContainerPlan, JobFailure, S3Download
from airflow_sm_pipelines.local.jobs.spark_submit import code_from, place_of, spark_submit
from airflow_sm_pipelines.local.services.emr.table import Cluster, EmrStep

LOG_GROUP = "/local/emr/steps"
"""CloudWatch log group of the local AWS only: EMR itself writes its logs to S3."""

_NOT_FOUND = 127
_START_SCRIPT = 'chmod +x "$0" && exec "$0" "$@"'


def plan_step(cluster: Cluster, step: EmrStep) -> ContainerPlan:
    """Return the work of a step.

    Raises:
        JobFailure: The local AWS cannot run it.
    """
    if cluster.request.get("BootstrapActions"):
        raise JobFailure("the local AWS runs no bootstrap actions, and this cluster has some")
    runs = step.config["HadoopJarStep"]
    jar, arguments = posixpath.basename(runs["Jar"]), list(runs.get("Args", ()))
    if jar == "command-runner.jar" and arguments:
        command, downloads = _command(arguments)
    elif jar == "script-runner.jar" and arguments:
        command, downloads = _script(arguments)
    elif jar in ("command-runner.jar", "script-runner.jar"):
        raise JobFailure(f"{jar} needs Args: what to run")
    else:
        raise JobFailure(
            f"the local AWS has no Hadoop to run {runs['Jar']} with; it runs the Args of command-runner.jar, and "
            "scripts with script-runner.jar"
        )
    return ContainerPlan(
        command=command,
        log_group=LOG_GROUP,
        log_stream=log_stream(cluster, step),
        environment={"EMR_CLUSTER_ID": cluster.id, "EMR_STEP_ID": step.id},
        downloads=downloads,
        failure_reason=lambda _, exit_code: _why(runs["Jar"], command[0], exit_code),
    )


def log_stream(cluster: Cluster, step: EmrStep) -> str:
    """Return the log stream of a step."""
    return f"{cluster.id}/{step.id}"


def _why(jar: str, program: str, exit_code: int) -> str:
    if exit_code == _NOT_FOUND and shutil.which(program) is None:
        return f"{program} is not installed on this machine, so {jar} cannot run it"
    return f"{jar} ended with exit code {exit_code}"


def _command(arguments: list[str]) -> tuple[tuple[str, ...], tuple[S3Download, ...]]:
    if posixpath.basename(arguments[0]) != "spark-submit":
        return tuple(arguments), ()
    return spark_submit(arguments)


def _script(arguments: list[str]) -> tuple[tuple[str, ...], tuple[S3Download, ...]]:
    script, *rest = arguments
    return ("/bin/sh", "-c", _START_SCRIPT, place_of(script), *rest), (code_from(script),)


def output_lines(logs: BaseClient, cluster: Cluster, step: EmrStep) -> list[str]:
    """Return the output of a step; empty if it never started."""
    try:
        answer = logs.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=log_stream(cluster, step), startFromHead=False, limit=10_000
        )
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in answer["events"]]
