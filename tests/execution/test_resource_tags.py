"""The tags that a running step adds to its resources."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowConfigException

from airflow_sm_pipelines.aws.requests.tags import Owner, airflow_tags, owner_of, owner_tags
from airflow_sm_pipelines.execution.resource_tags import resource_tags

OWNER = Owner("prod", "abalone", "manual__1", "Train", -1, "one")
OPTION = "AIRFLOW__SM_PIPELINES__AIRFLOW_TAGS"


def test_a_resource_names_its_owner_and_airflows_ids() -> None:
    assert resource_tags(OWNER) == [*owner_tags(OWNER), *airflow_tags(OWNER)]


def test_airflows_ids_can_be_switched_off_and_the_owner_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, "False")

    assert resource_tags(OWNER) == owner_tags(OWNER)
    assert owner_of([*resource_tags(OWNER)]) == OWNER


def test_a_value_of_the_option_that_is_no_boolean_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, "perhaps")

    with pytest.raises(AirflowConfigException, match="airflow_tags"):
        resource_tags(OWNER)
