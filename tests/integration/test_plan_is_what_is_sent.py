"""What `plan` prints is what a run sends: the same calls, in the same order, with the same members and values."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.step_run import limits_left_to_aws
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.checks import put_needs
from airflow_sm_pipelines.rehearsal.process import Order, run_dag
from airflow_sm_pipelines.rehearsal.rehearsals import prepare
from airflow_sm_pipelines.rehearsal.run import RehearsalScenario, put_files
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Refusals

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

HERE = Path(__file__).parent
DEFINITIONS = [
    *(path for path in sorted((HERE.parent / "golden").glob("*.json")) if not path.name.endswith(".graph.json")),
    *sorted((HERE / "definitions").glob("*.json")),
]
JSON_MEMBERS = {"Payload": json.loads, "MessageBody": json.loads, "ClientContext": lambda text: json.loads(b64(text))}
# Between the calls that start a step's work, and after them: looks at what is there, and at what values refer to.
LOOKS = re.compile(r"(Describe|List|Get|Head)[A-Z]")
DEPENDS_ON_A_LOOK = {"CreateExperiment", "CreateModelPackageGroup", "CreateTrial", "DeleteObjects"}
ONCE_A_RUN = {"CreateExperiment", "CreateTrial"}
AFTERWARDS = {"AssociateTrialComponent", "StopApplication", "DeleteApplication"}


def b64(text: str) -> bytes:
    return base64.b64decode(text)


@dataclass
class Recorded:
    """The calls that each task made, in their order."""

    calls: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    task: str = ""

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.setdefault(self.task, []).append((model.name, dict(params)))

    def of(self, task: str) -> list[tuple[str, dict[str, Any]]]:
        return self.calls.get(task, [])


@pytest.fixture
def recorded(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Notes every call of a boto3 client that a step gets, under the task that runs."""
    recorded = Recorded()
    new_client = AwsConnection._new_client

    def noting(self: AwsConnection, service: str) -> Any:
        client = new_client(self, service)
        client.meta.events.register("before-parameter-build.*.*", recorded.note)
        return client

    monkeypatch.setattr(AwsConnection, "_new_client", noting)
    return recorded


@pytest.fixture
def rehearse(recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Rehearses a definition in this process; the tasks that ended well are returned."""
    bundle = {"name": "dags", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}
    bundle["kwargs"] = {"path": str(tmp_path)}  # type: ignore[assignment]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    config = tmp_path / "aws-config"
    config.write_text("[default]\nparameter_validation = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    def run(scenario: RehearsalScenario) -> set[str]:
        dag_file = scenario.write_dag_file(tmp_path)
        dag_file.write_text(dag_file.read_text() + NOTING)
        (tmp_path / "noting.py").write_text("")
        rehearsal = replace(scenario.rehearsal(), refusals=Refusals())
        with LocalAws(stand_in=rehearsal, sandbox="rewrite") as aws:
            put_files(aws.client("s3"), scenario.files)
            put_needs(aws.client("sagemaker"), aws.client("s3"), scenario.checks, NOTE)
            for name, value in aws.environment().items():
                monkeypatch.setenv(name, value)
            connection.forget_clients()
            order = Order(str(dag_file), "", aws.environment(), dict(scenario.parameters), scenario.callback_answers())
            with limits_left_to_aws():
                ended = run_dag(order)
        connection.forget_clients()
        return {task for task, state in ended["tasks"].items() if state == "success"}

    monkeypatch.setitem(globals(), "_RECORDED", recorded)
    return run


# Appended to the DAG file: each task says that it begins.
NOTING = """
import sys

recorded = next(m._RECORDED for n, m in list(sys.modules.items()) if n.endswith("test_plan_is_what_is_sent"))
for task in dag.tasks:
    task.on_execute_callback = [
        lambda context: setattr(recorded, "task", (context["ti"].task_id, context["ti"].map_index))
    ]
"""


def planned_calls(file: Path, scenario: RehearsalScenario, capsys: pytest.CaptureFixture[str]) -> dict[str, list[Any]]:
    """What the command prints, by step: operation and request of each call."""
    given = [
        f"{name}={json.dumps(value) if isinstance(value, (dict, list, bool)) else value}"
        for name, value in scenario.parameters.items()
    ]
    capsys.readouterr()
    assert main(["plan", str(file), "--format", "json", *(["--parameters", *given] if given else [])]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    return {step["name"]: [(call["operation"], call["request"]) for call in step["calls"]] for step in steps}


def as_printed(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """A sent request in the form in which a plan shows it."""
    shown = {name: JSON_MEMBERS[name](value) if name in JSON_MEMBERS else value for name, value in request.items()}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in shown.items()}


def fits(planned: Any, sent: Any) -> bool:
    """Tell whether a value is the planned one, whatever stands in place of its placeholders."""
    if isinstance(planned, str) and "<" in planned:
        pattern = "".join(".*" if part.startswith("<") else re.escape(part) for part in parts(planned))
        return not isinstance(sent, str) or bool(re.fullmatch(pattern, sent, re.DOTALL))
    if isinstance(planned, dict) and isinstance(sent, dict):
        return planned.keys() == sent.keys() and all(fits(planned[name], sent[name]) for name in planned)
    if isinstance(planned, list) and isinstance(sent, list):
        if "<every " in json.dumps(planned):
            return all(fits(planned[0], one) for one in sent)
        return len(planned) == len(sent) and all(map(fits, planned, sent))
    return bool(planned == sent)


def parts(text: str) -> list[str]:
    """Split a text into placeholders, which may hold others, and what is between them."""
    found, depth = [""], 0
    for character in text:
        if character == "<" and depth == 0:
            found.append("")
        depth += (character == "<") - (character == ">" and depth > 0)
        found[-1] += character
        if character == ">" and depth == 0:
            found.append("")
    return found


def in_iteration(planned: list[Any], step: str, index: int) -> list[Any]:
    """The planned calls of a body step, whose name says N for the iteration, in one iteration."""
    text = json.dumps(planned)
    return list(json.loads(text.replace(f"{step}-N", f"{step}-{index}"))) if index >= 0 else planned


def sent_calls(planned: list[Any], recorded: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Of the recorded calls, those that start the step's work: all but looks that were not planned."""
    wanted, found = {operation for operation, _ in planned}, []
    for operation, request in recorded:
        if len(found) == len(planned):
            assert LOOKS.match(operation) or operation in AFTERWARDS or operation in wanted, f"{operation} afterwards"
        elif operation in wanted:
            found.append((operation, as_printed(operation, request)))
        else:
            assert LOOKS.match(operation), f"{operation} was not planned"
    return found


def those_that_were_needed(planned: list[Any], recorded: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """A missing group is created, a trial by the first step, objects that exist are deleted: as a look has shown."""
    left, needed = [operation for operation, _ in recorded if operation in {name for name, _ in planned}], []
    for operation, request in planned:
        if operation in DEPENDS_ON_A_LOOK and (not left or left[0] != operation):
            continue
        needed.append((operation, request))
        left = left[1:]
    return needed


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_a_plan_is_what_is_sent(
    file: Path, recorded: Recorded, rehearse: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = load_pipeline(file)
    prepared = prepare(pipeline, file)
    planned = planned_calls(file, prepared.scenario, capsys)

    ended = rehearse(prepared.scenario)

    compared = 0
    for step in pipeline.steps:
        for task in sorted({key for key in recorded.calls if key and key[0].rpartition(".")[2] == step.name}, key=str):
            expected = those_that_were_needed(planned[step.name], recorded.of(task))
            expected = in_iteration(expected, step.name, task[1])
            sent = sent_calls(expected, recorded.of(task))
            assert [operation for operation, _ in sent] == [operation for operation, _ in expected]
            for (operation, request), (_, body) in zip(sent, expected, strict=True):
                assert fits(body, request), f"{step.name}: {operation}\nplanned {body}\nsent {request}"
            compared += len(sent)
    of_the_trial = [name for calls in recorded.calls.values() for name, _ in calls if name in ONCE_A_RUN]
    assert len(of_the_trial) == len(set(of_the_trial))
    ran = [step for step in pipeline.steps if CATALOG[step.type].calls and step.name in ended]
    assert compared >= sum(1 for step in ran if planned[step.name])
