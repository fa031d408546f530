"""The id of this Airflow installation."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.execution.identity import DEPLOYMENT_VARIABLE, Deployment
from airflow_sm_pipelines.execution.installation import register_installation, registered_deployment
from tests.airflow_database import Database

pytestmark = pytest.mark.filterwarnings("default")  # SQLAlchemy and Airflow warn of what Airflow itself uses


@pytest.fixture(autouse=True)
def _unnamed_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_sm_pipelines.execution.airflow_internals import server

    monkeypatch.setattr(server, "database_address", lambda _: "db:5432/airflow")
    monkeypatch.delenv("AIRFLOW__SM_PIPELINES__DEPLOYMENT", raising=False)


def known() -> str:
    deployment = registered_deployment()
    assert deployment is not None
    return deployment.installation


def test_the_first_start_makes_it_and_later_ones_keep_it(database: Database) -> None:
    assert registered_deployment() is None
    register_installation()
    first = known()
    register_installation()

    assert registered_deployment() == Deployment(first, first)


def test_two_installations_have_two_ids(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_sm_pipelines.execution.airflow_internals import server

    register_installation()
    first = known()
    monkeypatch.setattr(server, "create_session", Database().session)
    register_installation()

    assert known() != first


def test_a_copy_of_the_database_is_another_installation(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow_sm_pipelines.execution.airflow_internals import server

    register_installation()
    first = known()
    monkeypatch.setattr(server, "database_address", lambda _: "staging:5432/airflow")
    register_installation()
    second = known()
    register_installation()

    assert first != second == known()
    assert f"The Airflow variable {DEPLOYMENT_VARIABLE} was made for another database" in caplog.text


def test_a_value_of_ones_own_is_kept(database: Database) -> None:
    from airflow_sm_pipelines.execution.airflow_internals.server import add_variable

    with database.session() as session:
        add_variable(session, DEPLOYMENT_VARIABLE, "mine", "")
    register_installation()

    assert known() == "mine"


def test_a_process_that_comes_second_takes_the_first_ones(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_sm_pipelines.execution.airflow_internals import server

    register_installation()
    first, read = known(), server.read_variable
    monkeypatch.setattr(server, "read_variable", lambda *_: None)  # it looked before the other one wrote
    register_installation()
    monkeypatch.setattr(server, "read_variable", read)

    assert known() == first


def test_the_mark_of_a_database_holds_no_credentials() -> None:
    from sqlalchemy import make_url

    from airflow_sm_pipelines.execution.airflow_internals.server import database_address

    class Session:
        def get_bind(self) -> Any:
            engine = type("Engine", (), {"url": make_url("postgresql://user:secret@db:5432/airflow")})
            return type("Bind", (), {"engine": engine})

    session: Any = Session()
    assert database_address(session) == "db:5432/airflow"
