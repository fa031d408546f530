"""Runs a definition against a local AWS that rehearses: a DAG file, an Airflow home, a process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.cli.rehearsal_files import ReadFile
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.local.rehearsal import NOTE, Outcome, Rehearsal

ROLE_ARN = "arn:aws:iam::123456789012:role/rehearsal"
"""For the steps of a definition that leave the role to the pipeline."""

_BUNDLE_CLASS = "airflow.dag_processing.bundles.local.LocalDagBundle"
_DAG_FILE = """from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(
    {source!r},
    dag_id={dag_id!r},
    role_arn={role_arn!r},
    aws_conn_id=None,
    deferrable=False,
    poll_interval=0.2,
)
"""


class RehearsalBrokenError(Exception):
    """Airflow broke; the message says where its log is."""


class RefusedDefinitionError(Exception):
    """The definition cannot become a DAG; the message lists why."""


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """What is to be rehearsed.

    Attributes:
        file: Path of the definition.
        parameters: Values of all its parameters.
        files: The JSON files that it reads.
        outcomes: How the jobs of a step end, by name; the others complete.
    """

    file: Path
    parameters: Mapping[str, Json]
    files: Sequence[ReadFile] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def dag_id(self) -> str:
        """The id of the DAG: the file's name, as far as Airflow allows."""
        return re.sub(r"[^\w.-]", "_", self.file.stem, flags=re.ASCII)

    def rehearsal(self) -> Rehearsal:
        """Return what the local AWS is told."""
        files: dict[str, dict[str, dict[str, Json]]] = {}
        for file in self.files:
            if file.place.step:
                documents = files.setdefault(file.place.step, {}).setdefault(file.place.output, {})
                documents[file.place.path] = file.content(NOTE)
        return Rehearsal(outcomes=self.outcomes, files=files)

    def write_dag_file(self, folder: Path) -> Path:
        """Write the DAG file into a folder, and return its path."""
        path = folder / f"{self.dag_id}.py"
        text = _DAG_FILE.format(source=str(self.file.absolute()), dag_id=self.dag_id, role_arn=ROLE_ARN)
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """How a rehearsal ended.

    Attributes:
        state: State of the DAG run.
        tasks: State of each task.
        reasons: Why tasks failed.
        objects: S3 URIs of what the jobs of each step have put out.
    """

    state: str
    tasks: Mapping[str, str | None]
    reasons: Mapping[str, str]
    objects: Mapping[str, Sequence[str]]


def rehearse(plan: RehearsalPlan) -> RehearsalResult:
    """Rehearse a definition; needs the ``[local]`` extra.

    Raises:
        RefusedDefinitionError: It cannot become a DAG.
        RehearsalBrokenError: Airflow broke.
        airflow_sm_pipelines.local.errors.LocalAwsError: The local AWS cannot start.
    """
    from airflow_sm_pipelines.local.server import LocalAws  # noqa: PLC0415 - moto costs time to import

    with LocalAws(rehearsal=plan.rehearsal(), sandbox="rewrite") as aws, _s3_client(aws) as s3:
        put_files(s3, plan.files)
        ended = _run_airflow(plan, aws.environment())
        if "refused" in ended:
            raise RefusedDefinitionError(ended["refused"])
        return RehearsalResult(ended["state"], ended["tasks"], ended["reasons"], synthetic_objects(s3))


def put_files(s3: Any, files: Sequence[ReadFile]) -> None:
    """Put the files that no step writes into S3.

    Args:
        s3: An S3 client of the local AWS.
        files: The files that the definition reads.
    """
    from airflow_sm_pipelines.local.jobs.rehearsed_job import SyntheticObject, put_object  # noqa: PLC0415 - boto3

    for file in files:
        if not file.place.step:
            put_object(s3, SyntheticObject(file.place.path, json.dumps(file.content(NOTE)).encode()))


def synthetic_objects(s3: Any) -> dict[str, list[str]]:
    """Return the S3 URIs of all synthetic objects, by the step whose job has put them there."""
    found: dict[str, list[str]] = {}
    for bucket in (entry["Name"] for entry in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for key in (entry["Key"] for entry in page.get("Contents", ())):
                step = s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("step")
                if step:
                    found.setdefault(step, []).append(f"s3://{bucket}/{key}")
    return found


def airflow_settings(home: Path, dags_folder: Path) -> dict[str, str]:
    """Return Airflow's settings, by environment name, for a process that only runs ``dag.test()``."""
    bundle = {"name": "rehearsal", "classpath": _BUNDLE_CLASS, "kwargs": {"path": str(dags_folder)}}
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _run_airflow(plan: RehearsalPlan, aws: Mapping[str, str]) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp(prefix="sm-pipelines-rehearsal-"))
    dags, conf, result, log = home / "dags", home / "conf.json", home / "result.json", home / "airflow.log"
    dags.mkdir()
    conf.write_text(json.dumps(plan.parameters), encoding="utf-8")
    words = [str(plan.write_dag_file(dags)), str(conf), str(result)]
    with log.open("wb") as output:
        code = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "airflow_sm_pipelines.cli.rehearsal_process", *words],
            env={**_foreign_settings_removed(), **airflow_settings(home, dags), **aws},
            cwd=home,  # with -m, a folder of the package's name where the user stands would be imported instead
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code != 0:
        raise RehearsalBrokenError(f"Airflow ended with exit code {code}; its log is {log}")
    ended: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    shutil.rmtree(home, ignore_errors=True)
    return ended


def _foreign_settings_removed() -> dict[str, str]:
    """The environment without what the user has set for another Airflow, and for the real AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))}


@contextmanager
def _s3_client(aws: Any) -> Iterator[Any]:
    import boto3

    environment = aws.environment()
    session: Any = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    client = session.client("s3", endpoint_url=aws.endpoint_url)
    try:
        yield client
    finally:
        client.close()
