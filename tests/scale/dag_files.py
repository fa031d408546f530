"""The same jobs as DAGs of three kinds: from a definition, by hand with the amazon provider, and as empty tasks."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
INTERVAL = 5
"""Seconds between two looks at a job, for all kinds."""

KINDS = ("ours", "amazon", "empty")

_OURS = """
from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("{json}", dag_id="{dag_id}", poll_interval={interval}, overrides={overrides}, max_active_runs=1000)
"""
_AMAZON = """
import json
from datetime import timedelta

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator
from airflow.sdk import DAG

with open("{json}") as file:
    steps = json.load(file)["Steps"]
with DAG("{dag_id}", schedule=None, max_active_runs=1000) as dag:
    tasks = {{
        step["Name"]: SageMakerProcessingOperator(
            task_id=step["Name"],
            config={{"ProcessingJobName": "{dag_id}-" + step["Name"] + "-{{{{ run_id }}}}", **step["Arguments"]}},
            deferrable=True,
            wait_for_completion=True,
            check_interval={interval},
            retries=3,
            retry_delay=timedelta(seconds=1),
        )
        for step in steps
    }}
    for step in steps:
        tasks[step["Name"]].set_upstream([tasks[name] for name in step.get("DependsOn", [])])
"""
_EMPTY = """
import json

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with open("{json}") as file:
    steps = json.load(file)["Steps"]
with DAG("{dag_id}", schedule=None, max_active_runs=1000) as dag:
    tasks = {{step["Name"]: EmptyOperator(task_id=step["Name"]) for step in steps}}
    for step in steps:
        tasks[step["Name"]].set_upstream([tasks[name] for name in step.get("DependsOn", [])])
"""
_MAPPED = """
import json
import time

from airflow.sdk import DAG, task

with open("{json}") as file:
    loop = json.load(file)["Steps"][0]["Arguments"]
[items] = loop["IterableItems"]["Std:Join"]["Values"]
seconds = float(loop["ForEachBody"][0]["Arguments"]["Environment"]["SECONDS"])
with DAG("{dag_id}", schedule=None, max_active_runs=1000) as dag:

    @task(max_active_tis_per_dagrun=loop["MaxConcurrency"])
    def work(item):
        time.sleep(seconds)

    work.expand(item=json.loads(items))
"""
_TEMPLATES = {"ours": _OURS, "amazon": _AMAZON, "empty": _EMPTY, "mapped": _MAPPED}


def write_dags(folder: Path, name: str, definition: dict[str, Any], settle: float | None = None) -> dict[str, str]:
    """Write a definition and a DAG file of each kind.

    Args:
        folder: Where Airflow reads its DAG files.
        name: What their names begin with.
        definition: The definition.
        settle: Seconds that a worker waits for a new job before it defers; the default of the package if ``None``.

    Returns:
        The DAG ids by kind.
    """
    return {kind: write_dag(folder, kind, name, definition, settle) for kind in KINDS}


def write_dag(folder: Path, kind: str, name: str, definition: dict[str, Any], settle: float | None = None) -> str:
    """Write a definition and a DAG file of one kind, and return the id of the DAG."""
    dag_id = f"{name}-{kind}"
    file = folder / f"{name}.json"
    file.write_text(json.dumps(definition))
    overrides = {} if settle is None else {"Processing": {"settle": settle}}
    text = _TEMPLATES[kind].format(json=file, dag_id=dag_id, interval=INTERVAL, overrides=overrides)
    (folder / f"{dag_id}.py").write_text(text)
    return dag_id


def parallel_jobs(count: int, seconds: float) -> dict[str, Any]:
    """Return a definition of steps that wait for nothing; each runs a job for some seconds."""
    return _definition([job_step(f"Step{number}", seconds) for number in range(count)])


def chained_jobs(count: int, seconds: float) -> dict[str, Any]:
    """Return a definition of steps of which each waits for the one before it."""
    steps = [job_step(f"Step{number}", seconds) for number in range(count)]
    for before, step in pairwise(steps):
        step["DependsOn"] = [before["Name"]]
    return _definition(steps)


def iterated_jobs(items: int, at_once: int, seconds: float) -> dict[str, Any]:
    """Return a definition of a ForEach step with a job for each item."""
    work = job_step("Work", seconds)
    work["Arguments"]["Environment"]["ITEM"] = {"Get": "ForEach.CurrentItem"}
    loop = {
        "Name": "Loop",
        "Type": "ForEach",
        "Arguments": {
            # A literal list has at most 100 items; the text that an expression evaluates to may hold more.
            "IterableItems": {"Std:Join": {"On": "", "Values": [json.dumps([f"item-{n}" for n in range(items)])]}},
            "MaxConcurrency": at_once,
            "ForEachBody": [work],
        },
    }
    return _definition([loop])


def _definition(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps}


def job_step(name: str, seconds: float) -> dict[str, Any]:
    """Return a Processing step whose job takes some seconds."""
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
            },
            "AppSpecification": {"ImageUri": IMAGE},
            "RoleArn": ROLE,
            "Environment": {"SECONDS": str(seconds)},
        },
    }
