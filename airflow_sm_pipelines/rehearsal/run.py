"""Runs a scenario: on an Airflow in a process and a folder of its own, and a local AWS whose jobs compute nothing."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from airflow_sm_pipelines import __version__
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import RehearsalError
from airflow_sm_pipelines.rehearsal.callbacks import planned_answer
from airflow_sm_pipelines.rehearsal.checks import CheckNeeds, put_needs
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, ReadFile
from airflow_sm_pipelines.rehearsal.isolation import without_settings
from airflow_sm_pipelines.rehearsal.later_runs import EndedLaterRun
from airflow_sm_pipelines.rehearsal.process import EndedRun, Order
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Outcome, Refusal, Refusals, WrittenObjects
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal
from airflow_sm_pipelines.semantics.run_options import CACHE, LATEST_RUN, SELECT_STEPS, SOURCE_RUN, CacheUse

if TYPE_CHECKING:
    from botocore.client import BaseClient

ROLE_ARN = "arn:aws:iam::123456789012:role/rehearsal"
"""For the steps of a definition that leave the role to the pipeline."""

_BUNDLE_CLASS = "airflow.dag_processing.bundles.local.LocalDagBundle"
# The local AWS checks every request and notes what AWS would refuse; botocore would refuse some of it before.
_AWS_CONFIG = "[default]\nparameter_validation = false\n"
_DAG_FILE = """from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(
    {source!r},
    dag_id={dag_id!r},
    role_arn={role_arn!r},
    aws_conn_id=None,
    deferrable=False,
    poll_interval=0.2,
    logs=False,
)
"""


def dag_id_of(file: Path) -> str:
    """Return the id of a definition's DAG: the file's name, with an underscore for each forbidden character."""
    return re.sub(r"[^\w.-]", "_", file.stem, flags=re.ASCII)


@dataclass(frozen=True, slots=True)
class RehearsalScenario:
    """What to run, and what the local AWS does for it.

    Attributes:
        file: Path of the definition.
        parameters: Values of all its parameters.
        files: The JSON files that it reads.
        outcomes: Step -> how its jobs end; those of other steps complete.
        checks: What the check steps look up.
        runs: How often to run it, one after the other, against one local AWS.
        select: The steps that the run executes; empty for all. All steps run before it, in the run that it reuses.
        source_run: ``latest``, or ``none`` for no run before it.
    """

    file: Path
    parameters: Mapping[str, Json]
    files: Sequence[ReadFile] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    checks: CheckNeeds = field(default_factory=CheckNeeds)
    runs: int = 1
    select: Sequence[str] = ()
    source_run: str = LATEST_RUN

    @property
    def dag_id(self) -> str:
        """The id of the DAG."""
        return dag_id_of(self.file)

    def rehearsal(self) -> Rehearsal:
        """Return what the local AWS is told."""
        files: dict[str, dict[str, dict[str, Json]]] = {}
        outputs: dict[str, dict[str, Json]] = {}
        for file in self.files:
            if file.place.output == OUTPUTS:
                outputs[file.place.step] = {str(path[0]): value for path, value in file.values.items()}
            elif file.place.step:
                documents = files.setdefault(file.place.step, {}).setdefault(file.place.output, {})
                documents[file.place.path] = file.content(NOTE)
        return Rehearsal(outcomes=self.outcomes, files=files, outputs=outputs)

    def selection(self) -> dict[str, Json]:
        """Return the options of a run that executes only some steps; empty for all steps."""
        return {SELECT_STEPS: [*self.select], SOURCE_RUN: self.source_run} if self.select else {}

    def callback_answers(self) -> dict[str, JsonObject]:
        """Return the answers to Callback steps, by the name of the step. Names of other steps do no harm."""
        outputs = self.rehearsal().outputs
        names = {*outputs, *self.outcomes}
        return {name: planned_answer(outputs.get(name, {}), self.outcomes.get(name)) for name in names}

    def write_dag_file(self, folder: Path) -> Path:
        """Write the DAG file to a folder and return its path."""
        path = folder / f"{self.dag_id}.py"
        text = _DAG_FILE.format(source=str(self.file.absolute()), dag_id=self.dag_id, role_arn=ROLE_ARN)
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """How a rehearsal ended.

    Attributes:
        state: State of the DAG run; of the first, if there are several.
        tasks: State of each of its tasks.
        reasons: Why its tasks failed.
        objects: Step -> S3 URIs of the objects that its jobs have written.
        refusals: What AWS would refuse.
        later: How the other runs ended.
    """

    state: str
    tasks: Mapping[str, str | None]
    reasons: Mapping[str, str]
    objects: Mapping[str, Sequence[str]]
    refusals: Sequence[Refusal] = ()
    later: Sequence[EndedLaterRun] = ()


def run_scenario(scenario: RehearsalScenario, airflow: RehearsalAirflow) -> RehearsalResult:
    """Run a scenario on a local AWS of its own; needs the ``[local]`` extra.

    Args:
        scenario: The scenario.
        airflow: The Airflow that runs it.

    Raises:
        RehearsalError: The definition cannot become a DAG, or Airflow broke.
        airflow_sm_pipelines.local.errors.LocalAwsError: The local AWS cannot start.
    """
    airflow.start()  # takes longer than the AWS, which is loaded and started meanwhile
    from airflow_sm_pipelines.local.server.local_aws import LocalAws

    refusals = Refusals()
    rehearsal = replace(scenario.rehearsal(), refusals=refusals, job_seconds=0.0)
    with LocalAws(stand_in=rehearsal, sandbox="rewrite", version=__version__) as aws:
        s3 = aws.client("s3")
        put_files(s3, scenario.files)
        if scenario.checks != CheckNeeds():
            put_needs(aws.client("sagemaker"), s3, scenario.checks, NOTE)
        ended = [_run_once(scenario, airflow, aws.environment(), cache) for cache in _cache_of_runs(scenario.runs)]
        objects = synthetic_objects(s3, rehearsal.written)
        first = ended[0]
        return RehearsalResult(
            first["state"], first["tasks"], first["reasons"], objects, refusals.noted(), _later_runs(ended)
        )


def _cache_of_runs(runs: int) -> list[CacheUse]:
    """Return what each run does with earlier results: the first must not see those of another rehearsal.

    See `airflow_sm_pipelines.rehearsal.process.run_dag`.
    """
    return [CacheUse.OFF] if runs == 1 else [CacheUse.REFRESH, *[CacheUse.ON] * (runs - 1)]


def _run_once(
    scenario: RehearsalScenario, airflow: RehearsalAirflow, aws: Mapping[str, str], cache: CacheUse
) -> EndedRun:
    ended = airflow.run(replace(scenario, parameters={**scenario.parameters, CACHE: str(cache)}), aws)
    if "refused" in ended:
        raise RehearsalError(ended["refused"])
    return ended


def _later_runs(ended: Sequence[EndedRun]) -> list[EndedLaterRun]:
    numbers = {one["run_id"]: number for number, one in enumerate(ended, start=1)}
    return [
        EndedLaterRun(number, one["state"], one["tasks"], one["reasons"], one["reuse"], numbers)
        for number, one in enumerate(ended[1:], start=2)
    ]


def put_files(s3: BaseClient, files: Sequence[ReadFile]) -> None:
    """Put the files that no step writes to S3.

    Args:
        s3: An S3 client of the local AWS.
        files: The files that the definition reads.
    """
    from airflow_sm_pipelines.rehearsal.stand_in.job_work import SyntheticObject, put_object

    for file in files:
        if not file.place.step:
            put_object(s3, SyntheticObject(file.place.path, json.dumps(file.content(NOTE)).encode()))


def synthetic_objects(s3: BaseClient, written: WrittenObjects) -> dict[str, list[str]]:
    """Return the S3 URIs of all synthetic objects, by the step whose job has written them.

    Args:
        s3: An S3 client of the local AWS.
        written: Who has written what.
    """
    found: dict[str, list[str]] = {}
    for bucket in (entry["Name"] for entry in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for uri in (f"s3://{bucket}/{entry['Key']}" for entry in page.get("Contents", ())):
                if step := written.step_of(uri):
                    found.setdefault(step, []).append(uri)
    return found


def airflow_settings(home: Path, dags_folder: Path) -> dict[str, str]:
    """Return the environment variables of an Airflow that only runs ``dag.test()``."""
    bundle = {"name": "rehearsal", "classpath": _BUNDLE_CLASS, "kwargs": {"path": str(dags_folder)}}
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Callback steps keep their tokens under this key; the database goes with the rehearsal.
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


class RehearsalAirflow:
    """An Airflow that only runs ``dag.test()``: one process for any number of DAGs, one after the other.

    It is started for the first scenario, and once: the start takes far longer than a rehearsal.

    Attributes:
        home: Its folder, which is removed at the end.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="sm-pipelines-rehearsal-"))
        self._process: subprocess.Popen[str] | None = None
        self._runs = 0
        self._is_broken = False

    @property
    def dags(self) -> Path:
        """The folder of its DAG files."""
        return self.home / "dags"

    @property
    def log(self) -> Path:
        """The file that Airflow's output goes to."""
        return self.home / "airflow.log"

    def start(self) -> None:
        """Start the process if there is none; it gets ready while this one does something else."""
        if self._process is None:
            self.dags.mkdir(exist_ok=True)
            self._process = self._start()

    def run(self, scenario: RehearsalScenario, aws: Mapping[str, str]) -> EndedRun:
        """Run a scenario's DAG and return what `airflow_sm_pipelines.rehearsal.process.run_dag` returns.

        Args:
            scenario: The scenario.
            aws: Environment variables that lead to its local AWS.

        Raises:
            RehearsalError: Airflow broke; its log is kept.
        """
        self.start()
        assert self._process is not None  # noqa: S101 - it was just started
        result = self.home / f"result-{self._runs}.json"
        self._runs += 1
        dag_file = scenario.write_dag_file(self.dags)
        order = Order(
            str(dag_file),
            str(result),
            dict(aws),
            dict(scenario.parameters),
            scenario.callback_answers(),
            scenario.selection(),
        )
        try:
            answered = _ask(self._process, json.dumps(asdict(order)))
        finally:
            dag_file.unlink()
        if not answered:
            code = self._end()
            self._is_broken = True
            raise RehearsalError(f"Airflow ended with exit code {code}; its log is {self.log}")
        ended: EndedRun = json.loads(result.read_text(encoding="utf-8"))
        return ended

    def _end(self) -> int | None:
        """Close the standard input of the process, which makes it end, and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        with process:  # closes the pipes, then waits
            pass
        return process.returncode

    def _start(self) -> subprocess.Popen[str]:
        config = self.home / "aws-config"
        config.write_text(_AWS_CONFIG, encoding="utf-8")
        settings = {**airflow_settings(self.home, self.dags), "AWS_CONFIG_FILE": str(config)}
        with self.log.open("wb") as log:
            return subprocess.Popen(  # our own command
                [sys.executable, "-m", "airflow_sm_pipelines.rehearsal.process"],
                env={**without_settings(os.environ, "AIRFLOW_", "AWS_"), **settings},
                cwd=self.home,  # with -m, a folder of the package's name where the user stands would be imported
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )

    def __enter__(self) -> RehearsalAirflow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()  # it has nothing to lose
            self._end()
        if not self._is_broken:  # its log says why
            shutil.rmtree(self.home, ignore_errors=True)


def _ask(process: subprocess.Popen[str], order: str) -> bool:
    """Send a line to a process and wait for one; tell whether it has answered."""
    assert process.stdin is not None  # noqa: S101 - PIPE was asked for
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(f"{order}\n")
        process.stdin.flush()
    except BrokenPipeError:
        return False
    return bool(process.stdout.readline())
