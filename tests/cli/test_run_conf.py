"""``sm-pipelines run-conf``: JSON for ``airflow dags trigger --conf``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.errors import CallRefusedError


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The runs of a DAG, by id; the first is the latest."""
    found: dict[str, Any] = {"newer": {"MaxDepth": 6, "Go": "yes"}, "older": {"MaxDepth": 4}}

    def started_with(session: Any, dag_id: str, run_id: str | None) -> Any:
        wanted = next(iter(found)) if run_id is None else run_id
        return (wanted, found[wanted]) if dag_id == "abalone" and wanted in found else None

    from airflow_sm_pipelines.execution.airflow_internals import server

    monkeypatch.setattr(server, "started_with", started_with)
    return found


def test_it_prints_the_parameters_and_the_selection(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run-conf", "abalone", "--select", "Train,Eval", "--parameters", "Go=no"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "MaxDepth": 6,
        "Go": "no",
        "sm_select_steps": ["Train", "Eval"],
        "sm_source_run": "newer",
    }


def test_a_run_can_be_named(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run-conf", "abalone", "--source-run", "older"]) == 0
    assert json.loads(capsys.readouterr().out) == {"MaxDepth": 4}


def test_what_does_not_exist_is_told(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run-conf", "abalone", "--source-run", "of-old"]) == 1
    assert capsys.readouterr().err == "sm-pipelines run-conf: the DAG abalone has no run of-old\n"
    assert main(["run-conf", "abalone", "--parameters", "Go"]) == 2
    assert "expected NAME=VALUE, found 'Go'" in capsys.readouterr().err


def test_a_refusal_of_aws_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from airflow_sm_pipelines.execution import run_conf as module

    def refused(*_: Any) -> Any:
        raise CallRefusedError("ListPipelineParametersForExecution", "AccessDeniedException", "no", None)

    monkeypatch.setattr(module, "execution_parameters", refused)
    monkeypatch.setattr(module.AwsConnection, "client", lambda self, service: None)
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone/execution/123ab12cd3ef"

    assert main(["run-conf", "abalone", "--source-run", arn]) == 1
    assert "AccessDeniedException" in capsys.readouterr().err
