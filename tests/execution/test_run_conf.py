"""The conf of a run that takes the parameters of an earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import airflow_sm_pipelines
from airflow_sm_pipelines.execution import run_conf
from airflow_sm_pipelines.execution.airflow_internals.other_runs import OtherRun
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.run_conf import NoSourceRunError, build_run_conf
from tests.airflow_database import Database

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone/execution/123ab12cd3ef"
STARTED_WITH = {"MaxDepth": 6, "NumRound": 60, "sm_select_steps": ["Train"], "sm_cache": "off"}


@pytest.fixture
def earlier_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_run(dag_id: str, run_id: str) -> OtherRun | None:
        assert dag_id == "abalone"
        return OtherRun(run_id, datetime.now(UTC), "success", STARTED_WITH) if run_id == "of-old" else None

    monkeypatch.setattr(run_conf, "other_run", other_run)


@pytest.mark.usefixtures("earlier_run")
def test_parameters_are_taken_over_and_some_are_replaced() -> None:
    conf = build_run_conf("abalone", "of-old", select_steps=["Train", "Eval"], parameters={"MaxDepth": 5})

    assert conf == {
        "MaxDepth": 5,
        "NumRound": 60,
        "sm_select_steps": ["Train", "Eval"],
        "sm_source_run": "of-old",
    }


@pytest.mark.usefixtures("earlier_run")
def test_all_steps_run_with_the_parameters_of_an_earlier_run() -> None:
    assert build_run_conf("abalone", "of-old") == {"MaxDepth": 6, "NumRound": 60}


@pytest.mark.usefixtures("earlier_run")
@pytest.mark.parametrize(
    ("run_id", "message"),
    [("of-last-week", "the DAG abalone has no run of-last-week"), ("latest", "latest names no run"), ("none", "none")],
)
def test_a_run_must_be_there(run_id: str, message: str) -> None:
    with pytest.raises(NoSourceRunError, match=message):
        build_run_conf("abalone", run_id)


def test_the_parameters_of_an_execution_in_sagemaker_are_taken_over(
    monkeypatch: pytest.MonkeyPatch, sagemaker_client: Any
) -> None:
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: sagemaker_client)
    monkeypatch.setattr(run_conf, "execution_parameters", lambda client, arn: {"MaxDepth": "6", "Go": "yes"})

    assert build_run_conf("abalone", ARN, select_steps=["Eval"], parameters={"Go": "no"}) == {
        "MaxDepth": "6",
        "Go": "no",
        "sm_select_steps": ["Eval"],
        "sm_source_run": ARN,
    }


def test_the_package_offers_it() -> None:
    assert airflow_sm_pipelines.build_run_conf is build_run_conf


def test_a_run_is_found_in_airflows_database(database: Database) -> None:
    from airflow_sm_pipelines.execution.airflow_internals.server import started_with

    later = datetime.now(UTC) + timedelta(days=1)
    database.insert(
        database.run, id=8, run_type="manual", run_after=later, dag_id="dag", run_id="newer", conf={"MaxDepth": 6}
    )
    with database.session() as session:
        assert started_with(session, "dag", None) == ("newer", {"MaxDepth": 6})
        assert started_with(session, "dag", "run") == ("run", {})
        assert started_with(session, "dag", "of-old") is None
        assert started_with(session, "other", None) is None
