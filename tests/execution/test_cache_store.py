"""The Airflow variables that note what later runs may reuse."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_sm_pipelines.execution import cache_store
from airflow_sm_pipelines.execution.cache_store import CACHE_VARIABLES, CacheStore, drop_expired
from airflow_sm_pipelines.semantics.cache import CacheEntry
from airflow_sm_pipelines.semantics.cache_keys import digest

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOG = logging.getLogger("cache")


def store(dag: str = "dag", task: str = "Train", item: str = "") -> CacheStore:
    return CacheStore(dag, task, item, LOG)


def entry(run: str = "run", at: datetime = NOW, **others: Any) -> CacheEntry:
    return CacheEntry({"A": "1"}, run, at, "training-job", f"job-of-{run}", **others)


def refusal(status: int) -> AirflowRuntimeError:
    return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status}))


def test_a_result_comes_back_as_it_was_noted(variables: dict[str, str]) -> None:
    noted = entry(outputs={"n": 1, "text": "é"}, item="ab")
    store().keep(noted, "1d", NOW)
    assert list(store().entries()) == [noted]


def test_the_content_can_be_read_by_people(variables: dict[str, str]) -> None:
    store().keep(entry(), "1d", NOW)
    [(key, text)] = variables.items()
    assert key.startswith(CACHE_VARIABLES)
    assert json.loads(text) == {
        "dag": "dag",
        "step": "Train",
        "expires_at": "2026-01-03T03:04:05Z",
        "entries": [
            {
                "signature": {"A": "1"},
                "run_id": "run",
                "succeeded_at": "2026-01-02T03:04:05Z",
                "kind": "training-job",
                "reference": "job-of-run",
                "outputs": None,
                "item": "",
            }
        ],
    }
    assert "\n" in text


def test_results_are_never_shared_by_two_pipelines_or_two_steps(variables: dict[str, str]) -> None:
    store().keep(entry(), None, NOW)
    assert list(store(dag="other").entries()) == []
    assert list(store(task="Other").entries()) == []
    # No two names can be read as one.
    assert store("a", "b_c").key != store("a_b", "c").key


def test_what_was_noted_by_another_run_meanwhile_is_kept(variables: dict[str, str]) -> None:
    ours, theirs = store(), store()
    theirs.keep(entry("theirs"), None, NOW)
    ours.keep(entry("ours", NOW + timedelta(1)), None, NOW)
    assert [one.run_id for one in store().entries()] == ["ours", "theirs"]


def test_the_items_of_a_loop_share_some_tens_of_variables() -> None:
    keys = {store(item=digest(number)).key for number in range(2000)}
    assert len(keys) == 32
    assert store(item=digest("a")).key == store(item=digest("a")).key
    assert store().key not in keys


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"dag": "d"}', '{"dag": "d", "step": "s", "entries": [{"run_id": 1}]}']
)
def test_a_variable_that_somebody_has_edited_is_taken_as_empty(
    variables: dict[str, str], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    variables[store().key] = text
    assert list(store().entries()) == []
    assert "is not readable, and is taken as empty" in caplog.text
    store().keep(entry(), None, NOW)
    assert list(store().entries()) == [entry()], "it is written anew"


def test_members_of_another_version_are_left_out(variables: dict[str, str]) -> None:
    store().keep(entry(), None, NOW)
    stored = json.loads(variables[store().key])
    stored["new"] = 1
    stored["entries"][0]["new"] = {}
    variables[store().key] = json.dumps(stored)
    assert list(store().entries()) == [entry()]


def test_a_refused_variable_is_no_failure_of_the_step(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise refusal(403)

    monkeypatch.setattr(cache_store, "airflow_variable", refuse)
    monkeypatch.setattr(cache_store, "set_airflow_variable", refuse)
    store().keep(entry(), None, NOW)
    assert "does not let this task read" in caplog.text
    assert "No later run can reuse this result" in caplog.text


def test_an_outage_is_told_as_such(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    def fail(*_: object) -> None:
        raise refusal(503)

    monkeypatch.setattr(cache_store, "set_airflow_variable", fail)
    with pytest.raises(AirflowRuntimeError):
        store().keep(entry(), None, NOW)
    monkeypatch.setattr(cache_store, "airflow_variable", fail)
    with pytest.raises(AirflowRuntimeError):
        store().entries()


# -- the sweep ---------------------------------------------------------------------------------------------------------


def test_the_sweep_deletes_what_has_expired_and_nothing_else(variables: dict[str, str]) -> None:
    store(task="Expired").keep(entry(), "1d", NOW)
    store(task="Fresh").keep(entry(), "3d", NOW)
    store(task="Forever").keep(entry(), None, NOW)
    variables[f"{CACHE_VARIABLES}edited"] = "not ours"
    variables["sm_pipelines_deployment"] = "x"

    assert drop_expired(NOW + timedelta(days=2), LOG) == 1

    assert not store(task="Expired").entries()
    assert store(task="Fresh").entries()
    assert store(task="Forever").entries()
    assert {f"{CACHE_VARIABLES}edited", "sm_pipelines_deployment"} < variables.keys()


def test_a_step_expires_with_the_last_of_its_results(variables: dict[str, str]) -> None:
    store().keep(entry("first"), "1d", NOW)
    store().keep(entry("second", NOW + timedelta(hours=12)), "1d", NOW + timedelta(hours=12))
    assert drop_expired(NOW + timedelta(days=1), LOG) == 0
    assert drop_expired(NOW + timedelta(days=1, hours=12), LOG) == 1
