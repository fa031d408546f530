"""Which execution, task instance and epoch a process works for."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution import identity
from airflow_sm_pipelines.execution.identity import (
    DEPLOYMENT_VARIABLE,
    Deployment,
    Epoch,
    StepIdentity,
    deployment_of,
    identify,
    new_installation_id,
)
from tests.conftest import INSTALLATION


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SM_PIPELINES__DEPLOYMENT", "blue")


def changed(context: Any, **attributes: Any) -> StepIdentity:
    for name, value in attributes.items():
        setattr(context["ti"], name, value)
    return identify("Train", context)


def test_the_owner_is_the_task_instance(context: Any) -> None:
    identity = changed(context, task_id="group.Train", map_index=4, try_number=2)

    assert identity.owner == Owner("blue", "dag", "run", "group.Train", 4, INSTALLATION)
    assert identity.try_number == 2


def test_an_iteration_of_a_step_is_called_as_the_service_calls_it(context: Any) -> None:
    assert changed(context, map_index=-1).step == "Train"
    assert changed(context, map_index=4).step == "Train-4"


@pytest.mark.parametrize("map_index", [None, -1])
def test_a_task_that_is_not_mapped_has_index_minus_1(context: Any, map_index: int | None) -> None:
    assert changed(context, map_index=map_index).owner.map_index == -1


def test_a_crash_does_not_change_the_epoch(context: Any) -> None:
    first = identify("Train", context)

    assert changed(context, try_number=2).epoch == first.epoch


def test_a_clear_changes_the_epoch(context: Any) -> None:
    first = identify("Train", context)

    assert changed(context, max_tries=context["ti"].max_tries + 1).epoch != first.epoch


@pytest.mark.parametrize(("epoch", "is_cleared"), [(Epoch(3, 3), False), (Epoch(4, 3), True), (Epoch(1, 0), True)])
def test_a_clear_of_a_task_that_has_run_is_seen_from_its_tries(epoch: Epoch, is_cleared: bool) -> None:
    assert epoch.is_cleared is is_cleared


def test_a_clear_after_lowering_retries_changes_the_epoch(context: Any) -> None:
    first = identify("Train", context)
    # Try 1 of 3 retries, cleared when the DAG has 2: 1 + 2 = 3, the same max_tries as before.
    same_bound = changed(context, max_tries=3, task=SimpleNamespace(retries=2))

    assert same_bound.epoch != first.epoch


def test_all_steps_of_a_run_share_the_execution_id(context: Any) -> None:
    first = identify("Train", context)
    context["ti"].task_id, context["ti"].map_index = "Evaluate", 3

    assert identify("Evaluate", context).execution_id == first.execution_id


@pytest.mark.parametrize("attribute", ["dag_id", "run_id"])
def test_another_run_is_another_execution(context: Any, attribute: str) -> None:
    first = identify("Train", context).execution_id

    assert changed(context, **{attribute: "another"}).execution_id != first


def test_a_run_created_again_is_another_execution(context: Any) -> None:
    first = identify("Train", context).execution_id
    context["dag_run"].run_after = datetime(2027, 1, 1, tzinfo=UTC)

    assert identify("Train", context).execution_id != first


def test_another_deployment_is_another_execution(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = identify("Train", context)
    first_id, first_owner = first.execution_id, first.owner
    monkeypatch.setenv("AIRFLOW__SM_PIPELINES__DEPLOYMENT", "green")
    second = identify("Train", context)

    assert second.execution_id != first_id
    assert second.owner == dataclasses.replace(first_owner, deployment="green")


def test_a_deployment_without_a_name_of_its_own_has_that_of_its_installation(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__SM_PIPELINES__DEPLOYMENT")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://the-same-everywhere.example.org")

    assert identify("Train", context).owner.deployment == INSTALLATION
    assert deployment_of("one") == Deployment("one", "one")
    assert deployment_of("another") != deployment_of("one")
    assert deployment_of(None) is None


def test_a_name_of_ones_own_goes_with_the_id_of_the_installation() -> None:
    assert deployment_of("one") == Deployment("blue", "one")
    assert deployment_of(None) == Deployment("blue", "")


def test_a_step_fails_where_no_scheduler_has_named_the_deployment(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__SM_PIPELINES__DEPLOYMENT")
    monkeypatch.setattr(identity, "airflow_variable", lambda key: None)
    monkeypatch.setattr(identity, "is_dag_test", lambda: False)

    with pytest.raises(StepError, match=f"its scheduler has not made the variable {DEPLOYMENT_VARIABLE}; restart the"):
        _ = identify("Train", context).owner


def test_whoever_asks_for_no_owner_does_not_ask_airflow_either(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(identity, "airflow_variable", lambda key: asked.append(key) or "one")

    known = identify("Train", context)
    assert (known.step, known.epoch, known.try_number, asked) == ("Train", Epoch(3, 3), 1, [])

    assert known.owner.installation == "one"
    assert known.execution_id
    assert asked == [DEPLOYMENT_VARIABLE], "once for both"


def test_the_first_dag_test_makes_the_variable(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    variables: dict[str, str] = {}
    monkeypatch.delenv("AIRFLOW__SM_PIPELINES__DEPLOYMENT")
    monkeypatch.setattr(identity, "airflow_variable", variables.get)
    monkeypatch.setattr(identity, "set_airflow_variable", variables.__setitem__)
    monkeypatch.setattr(identity, "is_dag_test", lambda: True)

    first, second = identify("Train", context), identify("Train", context)

    assert first.owner.deployment == second.owner.deployment == variables[DEPLOYMENT_VARIABLE]


def test_every_installation_has_an_id_of_its_own() -> None:
    ids = {new_installation_id("db:5432/airflow") for _ in range(100)}

    assert len(ids) == 100
    assert len({one.partition("-")[2] for one in ids}) == 1, "the mark of the database"


@pytest.mark.parametrize(
    ("other", "same"), [(Epoch(3, 3), True), (Epoch(3, 4), True), (Epoch(7, 3), False), (Epoch(33, 3), False)]
)
def test_only_max_tries_tells_a_deferred_try_from_another(other: Epoch, same: bool) -> None:
    assert Epoch(3, 3).is_same_try(other) is same


def test_an_epoch_comes_back_from_its_text() -> None:
    assert Epoch.parse(str(Epoch(12, 3))) == Epoch(12, 3)
    with pytest.raises(ValueError, match="not enough values"):
        Epoch.parse("12")
