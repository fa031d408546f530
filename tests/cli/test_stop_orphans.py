"""`sm-pipelines stop-orphans` without Airflow's database: what it says and how it ends."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from airflow_sm_pipelines.aws.kinds import EMR_STEP, PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.cli import stop_orphans
from airflow_sm_pipelines.errors import CallRefusedError
from airflow_sm_pipelines.execution import installation, sweep
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import Deployment
from airflow_sm_pipelines.execution.orphans import Orphan, facts_of_database

OWN_CREDENTIALS = AwsConnection(None)
OWNER = Owner("blue", "dag", "run", "Train")
REFUSED = CallRefusedError("ListClusters", "AccessDeniedException", "no", None)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command over given orphans; stopping one whose name is ``stubborn`` is refused."""
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: None)

    def stop(_: Any, orphan: Orphan) -> bool:
        if orphan.name == "stubborn":
            raise CallRefusedError("CancelSteps", "FAILED", "too old", None)
        return True

    monkeypatch.setattr(sweep, "stop_orphan", stop)
    monkeypatch.setattr(installation, "registered_deployment", lambda: Deployment("blue", "blue-1"))

    def run(
        *found: Orphan,
        hidden: Sequence[Any] = (),
        others: Sequence[str] = (),
        dry_run: bool = False,
        given: Sequence[str] = ("--aws-conn-id", ""),
        expected: AwsConnection = OWN_CREDENTIALS,
    ) -> int:
        def find(connection: Any, deployment: Deployment, facts: Any, witness: Any) -> Iterator[Orphan]:
            assert connection == expected
            assert facts is facts_of_database
            for kind, error in hidden:
                witness.refused(kind, error)
            for name in others:
                witness.of_another_installation(PROCESSING_JOB, name, dataclasses.replace(OWNER, installation="blue-2"))
            yield from found

        monkeypatch.setattr(sweep, "find_orphans", find)
        parser = argparse.ArgumentParser()
        stop_orphans.add_arguments(parser)
        return stop_orphans.run(parser.parse_args([*given, *(["--dry-run"] if dry_run else [])]))

    return run


def orphan(name: str) -> Orphan:
    return Orphan(PROCESSING_JOB, name, OWNER, "failed")


def test_each_orphan_is_named_and_stopped(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(orphan("a"), orphan("b")) == 0
    said = capsys.readouterr().out
    assert said.count("  stopped\n") == 2
    assert "processing job a: task Train of run run of dag is failed\n" in said
    assert "2 orphans of deployment blue\n" in said


def test_it_looks_at_the_account_that_a_connection_a_region_or_a_role_leads_to(call: Any) -> None:
    role = "arn:aws:iam::222233334444:role/R"
    given = ["--aws-conn-id", "b", "--region", "eu-west-1", "--assume-role-arn", role]

    assert call(given=given, expected=AwsConnection("b", "eu-west-1", assume_role_arn=role)) == 0


def test_a_dry_run_stops_nothing(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(orphan("a"), dry_run=True) == 0
    assert "stopped" not in capsys.readouterr().out


def test_what_may_not_be_looked_at_is_named_and_the_others_are_stopped(
    call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(orphan("a"), hidden=[(EMR_STEP, REFUSED)]) == 1
    said = capsys.readouterr()
    assert "  stopped\n" in said.out
    assert said.err == (
        "sm-pipelines stop-orphans: cannot look at every EMR step: AWS refused ListClusters: AccessDeniedException: no "
        "(allow elasticmapreduce:ListClusters to the connection's role or user)\n"
    )


def test_what_is_refused_many_times_is_told_once(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    refused = [
        (PROCESSING_JOB, CallRefusedError("ListTags", "AccessDeniedException", f"not on job-{number}", None))
        for number in range(3)
    ]
    assert call(orphan("a"), hidden=[*refused, (EMR_STEP, REFUSED)]) == 1
    said = capsys.readouterr()
    assert [line.partition(" (allow ")[2] for line in said.err.splitlines()] == [
        "sagemaker:ListTags to the connection's role or user)",
        "elasticmapreduce:ListClusters to the connection's role or user)",
    ]


def test_no_permission_is_asked_for_where_none_is_missing(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    throttled = CallRefusedError("ListClusters", "ThrottlingException", "slow down", None)
    assert call(hidden=[(EMR_STEP, throttled)]) == 1
    assert capsys.readouterr().err.endswith("AWS refused ListClusters: ThrottlingException: slow down\n")


def test_one_that_cannot_be_stopped_does_not_keep_the_others(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(orphan("stubborn"), orphan("b")) == 1
    said = capsys.readouterr()
    assert said.out.count("  stopped\n") == 1
    assert "cannot stop processing job stubborn: AWS refused CancelSteps: FAILED: too old" in said.err


def test_an_unusable_connection_is_told_once(
    call: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: AwsConnection, service: str) -> Any:
        raise REFUSED

    monkeypatch.setattr(AwsConnection, "client", refuse)
    assert call(orphan("a")) == 1
    assert capsys.readouterr().out == ""


def test_another_deployment_of_the_same_name_is_told_once_and_is_no_failure(
    call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(others=["a", "b"]) == 0
    assert capsys.readouterr().err == (
        "sm-pipelines stop-orphans: the processing job a was created by another Airflow installation that is also "
        "called blue; it is left alone. Give each deployment a name of its own ([sm_pipelines] deployment)\n"
    )


def test_an_airflow_without_a_name_owns_nothing(
    call: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installation, "registered_deployment", lambda: None)

    assert call(orphan("a")) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "this Airflow has no variable sm_pipelines_deployment, so it owns no jobs" in said.err


def test_a_database_that_nobody_has_initialised_is_named_in_one_line(
    call: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OperationalError("SELECT", {}, Exception("no such table: variable"))

    monkeypatch.setattr(installation, "registered_deployment", refuse)

    assert call(orphan("a")) == 1
    said = capsys.readouterr().err
    assert said.startswith("sm-pipelines stop-orphans: Airflow's database cannot be read: ")
    assert "no such table: variable; if it is new, run `airflow db migrate`" in said
    assert len(said.splitlines()) == 1
