"""``runs``, ``steps``, ``result``, ``start`` and ``stop``, against a stand-in for Airflow's REST API."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from airflow_sm_pipelines.cli import start
from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.cli.step_progress import StepProgress
from airflow_sm_pipelines.execution.xcoms import FAILURE_KEY, PROPERTIES_KEY
from airflow_sm_pipelines.executions import airflow_from_outside
from airflow_sm_pipelines.executions.airflow_from_outside import Login, NoAnswerError
from airflow_sm_pipelines.executions.run_reports import StepLine
from tests.executions.conftest import FakeAirflow
from tests.report_schemas import complain


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    fake = FakeAirflow()
    fake.logins = []  # type: ignore[attr-defined]

    async def with_airflow(url: str, login: Login, question: Any) -> Any:
        fake.logins.append((url, login))  # type: ignore[attr-defined]
        try:
            return await question(fake)
        except airflow_from_outside.RefusedRequestError as error:
            raise NoAnswerError(error.message) from error

    monkeypatch.setattr(airflow_from_outside, "with_airflow", with_airflow)
    monkeypatch.setenv("AIRFLOW_API_TOKEN", "token")
    monkeypatch.setattr(start, "_POLL_SECONDS", 0)
    fake.add_dag("abalone")
    fake.add_run("abalone", "r1")
    fake.add_task("r1", "Train", "TrainingOperator", "failed")
    fake.xcoms["r1", "Train", -1, FAILURE_KEY] = "AlgorithmError: no data\nmore"
    fake.xcoms["r1", "Train", -1, PROPERTIES_KEY] = {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}}
    return fake


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, code: int = 0) -> str:
        assert main(arguments) == code
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    "arguments", [("runs",), ("runs", "abalone"), ("steps", "r1"), ("result", "r1", "Train"), ("start", "abalone")]
)
def test_each_report_has_the_form_of_its_schema(airflow: Any, said: Any, arguments: tuple[str, ...]) -> None:
    assert complain(arguments[0], json.loads(said(*arguments, "--format", "json"))) == []


def test_runs_are_named_as_the_other_commands_take_them(airflow: Any, said: Any) -> None:
    head, line = said("runs").splitlines()

    assert head.split() == ["RUN", "STATE", "START", "END", "STARTED", "BY"]
    assert line.startswith("abalone/r1  running  2026-11-21T12:00:05")


def test_steps_are_a_table_with_the_first_line_of_each_reason_and_the_whole_of_long_ones_below(
    airflow: Any, said: Any
) -> None:
    airflow.xcoms["r1", "Train", -1, FAILURE_KEY] = f"the request does not fit:\nInstanceCount: {'x' * 400}"
    _, line, *below = said("steps", "abalone/r1").splitlines()

    assert line.split(maxsplit=5) == ["Train", "Training", "failed", "1", "60.0", "the request does not fit:"]
    assert below == ["", "Train: the request does not fit:", f"  InstanceCount: {'x' * 285}…"]


def test_a_part_of_a_result_is_printed(airflow: Any, said: Any) -> None:
    part = "ModelArtifacts.S3ModelArtifacts"

    assert said("result", "r1", "Train", "--path", part) == '"s3://b/m"\n'
    assert said("result", "r1", "Train", "--path", part, "--format", "text") == "s3://b/m\n"
    said("result", "r1", "Train", "--path", "ModelArtifact", code=1)
    said("result", "r1", "Train", "--path", "a[b", code=2)
    said("result", "r1", "Trian", code=3)


def test_a_run_starts_with_parameters_and_selected_steps(airflow: Any, said: Any) -> None:
    airflow.add_dag("abalone", P="", Q="")
    for step in "ABC":
        airflow.add_step("abalone", step, "TrainingOperator")
    text = said("start", "abalone", "--parameters", "P=1", "Q=a=b", "--select", "A,B", "C", "--source-run", "r1")

    assert airflow.sent[-1][2]["conf"] == {
        "P": "1",
        "Q": "a=b",
        "sm_select_steps": ["A", "B", "C"],
        "sm_source_run": "r1",
    }
    assert "follow it with `sm-pipelines steps abalone/" in text
    said("start", "abalone", "--parameters", "P", code=2)
    said("start", "abalone", "--source-run", "r1", code=2)
    said("start", "unknown", code=3)


@pytest.mark.parametrize(("state", "code"), [("success", 0), ("failed", 1)])
def test_the_exit_code_tells_how_a_run_ended_that_was_followed(
    airflow: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state: str, code: int
) -> None:
    states = iter(["queued", "running", "running", state])
    get = airflow.get

    async def later(*path: str, **query: Any) -> Any:
        if len(path) == 4:
            run = airflow.runs[path[1], path[3]]
            run["state"] = next(states)
            airflow.tasks.setdefault(path[3], [])[:] = []
            airflow.add_task(path[3], "Train", "TrainingOperator", run["state"])
        return await get(*path, **query)

    monkeypatch.setattr(airflow, "get", later)

    assert main(["start", "abalone", "--wait", "--format", "json"]) == code
    out, err = capsys.readouterr()
    assert json.loads(out)["run"]["state"] == state
    assert err.splitlines()[1:] == ["Train  queued", "Train  running", f"Train  {state}"], "a line for each change"


def test_ctrl_c_ends_the_command_and_not_the_run(
    airflow: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "sleep", interrupt)

    assert main(["start", "abalone", "--wait"]) == start.INTERRUPTED
    err = capsys.readouterr().err
    assert "the run goes on: abalone/manual__1; stop it with `sm-pipelines stop abalone/manual__1`" in err
    assert [method for method, *_ in airflow.sent] == ["POST"]


def test_a_stopped_run_is_marked_failed_once(airflow: Any, said: Any) -> None:
    assert said("stop", "r1") == "abalone/r1 is stopped: failed\n"
    said("stop", "r1", code=3)


def test_the_password_comes_from_the_environment_only(airflow: Any, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_API_TOKEN")
    monkeypatch.setenv("AIRFLOW_API_USER", "ann")
    monkeypatch.setenv("AIRFLOW_API_PASSWORD", "secret")
    monkeypatch.setenv("AIRFLOW_API_URL", "https://airflow")
    said("runs")
    assert airflow.logins == [("https://airflow", Login("", "ann", "secret"))]
    with pytest.raises(SystemExit):
        main(["runs", "--password", "secret"])


# -- progress ----------------------------------------------------------------------------------------------------------


def line(step: str, state: str, **members: Any) -> StepLine:
    nothing = {"job": None, "attempts": 1, "seconds": 1.0, "cache_hit": None, "reason": None}
    return StepLine(step=step, type="Training", state=state, **{**nothing, **members})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_each_step_has_a_line_that_changes_in_place() -> None:
    terminal = Terminal()
    progress = StepProgress(terminal)

    progress.show([line("A", "running")])
    progress.show([line("A", "success"), line("B", "running")])

    assert terminal.getvalue() == (
        "\x1b[2KA  running  1 s\n"  # then up again by one line
        "\x1b[1A\x1b[2KA  success  1 s\n\x1b[2KB  running  1 s\n"
    )


def test_in_a_pipe_only_changes_are_told() -> None:
    pipe = io.StringIO()
    progress = StepProgress(pipe)

    progress.show([line("A", "running", seconds=1.0)])
    progress.show([line("A", "running", seconds=9.0)])
    progress.show([line("A", "failed", attempts=2, reason="AlgorithmError\nmore")])

    assert pipe.getvalue() == "A  running\nA  failed (attempt 2): AlgorithmError\n"
