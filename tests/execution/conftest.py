"""What tests of execution share."""

from __future__ import annotations

import pytest

from tests.airflow_database import Database


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    """Airflow's own tables, in memory, as the server side reads and writes them."""
    from airflow_sm_pipelines.execution.airflow_internals import server

    database = Database()
    monkeypatch.setattr(server, "create_session", database.session)
    return database
