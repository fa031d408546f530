"""Tags that name the owner of a resource."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.requests.emr import step_name
from airflow_sm_pipelines.aws.requests.tags import (
    Owner,
    added_tags,
    airflow_tags,
    owner_of,
    owner_tags,
    owner_text,
    tags_of_owner_text,
    with_tag_map,
    with_tags,
)

OWNERS = st.builds(
    Owner,
    deployment=st.text(max_size=40),
    dag_id=st.text(max_size=40),
    run_id=st.text(max_size=40),
    task_id=st.text(max_size=40),
    map_index=st.integers(-1, 10_000),
)
ORDINARY = Owner("prod", "abalone", "scheduled__2026-01-02T03:04:05+00:00", "Train", -1)


def is_allowed_in_a_tag(character: str) -> bool:
    r"""``[\p{L}\p{Z}\p{N}_.:/=+\-@]``, the pattern of TagKey and TagValue in the SageMaker API."""
    return unicodedata.category(character)[0] in "LZN" or character in "_.:/=+-@"


def test_an_ordinary_owner_is_readable_in_its_tags() -> None:
    assert owner_tags(ORDINARY) == [
        {"Key": "sm-pipelines:deployment", "Value": "prod"},
        {"Key": "sm-pipelines:dag", "Value": "abalone"},
        {"Key": "sm-pipelines:run", "Value": "scheduled__2026-01-02T03:04:05+00:00"},
        {"Key": "sm-pipelines:task", "Value": "Train"},
        {"Key": "sm-pipelines:map-index", "Value": "-1"},
    ]


@given(owner=OWNERS)
def test_every_owner_comes_back_from_its_tags(owner: Owner) -> None:
    assert owner_of(owner_tags(owner)) == owner


@given(owner=OWNERS)
def test_tags_hold_only_characters_that_aws_allows(owner: Owner) -> None:
    for tag in owner_tags(owner):
        assert all(map(is_allowed_in_a_tag, tag["Key"] + tag["Value"]))


@given(owner=OWNERS)
def test_every_owner_comes_back_from_its_text(owner: Owner) -> None:
    assert owner_of(tags_of_owner_text(owner_text(owner_tags(owner)))) == owner


def test_a_text_that_is_no_owners_gives_no_tags() -> None:
    assert tags_of_owner_text("nightly report") == []


def test_an_owner_that_does_not_fit_into_the_name_of_an_emr_step_is_left_out() -> None:
    fits = step_name("pipelines-x", owner_tags(ORDINARY))
    assert fits.startswith("pipelines-x (")
    assert owner_of(tags_of_owner_text(fits.partition(" (")[2].removesuffix(")"))) == ORDINARY
    long = dataclasses.replace(ORDINARY, run_id="r" * 250)
    assert step_name("pipelines-x", owner_tags(long)) == "pipelines-x"


def test_a_text_that_looks_like_an_escape_comes_back() -> None:
    owner = dataclasses.replace(ORDINARY, run_id="=7e= =3d=~")

    assert owner_of(owner_tags(owner)) == owner


def test_the_owner_is_found_among_other_tags() -> None:
    tags: list[Any] = [{"Key": "team", "Value": "ml"}, *owner_tags(ORDINARY), {"Key": "sm-pipelines:x", "Value": ""}]

    assert owner_of(tags) == ORDINARY


@pytest.mark.parametrize("missing", range(5))
def test_a_resource_without_all_of_the_tags_is_not_ours(missing: int) -> None:
    tags: list[Any] = owner_tags(ORDINARY)
    del tags[missing]

    assert owner_of(tags) is None
    assert owner_of([{"Key": "team", "Value": "ml"}]) is None
    assert owner_of([]) is None


def test_a_resource_with_a_broken_index_is_not_ours() -> None:
    tags: list[Any] = [*owner_tags(ORDINARY)[:-1], {"Key": "sm-pipelines:map-index", "Value": "first"}]

    assert owner_of(tags) is None


@given(owner=OWNERS)
def test_values_are_those_that_every_service_takes(owner: Owner) -> None:
    """EMR Serverless takes ASCII only, while Airflow takes letters of every script in ids."""
    shape = botocore.session.get_session().get_service_model("emr-serverless").shape_for("TagValue")
    pattern = re.compile(shape.metadata["pattern"])
    assert all(pattern.fullmatch(tag["Value"]) for tag in owner_tags(owner))


# -- Airflow's ids, for people -----------------------------------------------------------------------------------------


def test_dag_run_and_task_have_tags_under_airflows_own_names() -> None:
    assert airflow_tags(ORDINARY) == [
        {"Key": "airflow:dag_id", "Value": "abalone"},
        {"Key": "airflow:run_id", "Value": "scheduled__2026-01-02T03:04:05+00:00"},
        {"Key": "airflow:task_id", "Value": "Train"},
    ]


@given(owner=OWNERS, long=st.text(max_size=300))
def test_an_id_becomes_a_value_that_every_service_takes(owner: Owner, long: str) -> None:
    model = botocore.session.get_session()
    emr_serverless = model.get_service_model("emr-serverless").shape_for("TagValue").metadata
    longest = model.get_service_model("sagemaker").shape_for("TagValue").metadata["max"]
    for tag in airflow_tags(dataclasses.replace(owner, run_id=long)):
        assert re.fullmatch(emr_serverless["pattern"], tag["Value"])
        assert all(map(is_allowed_in_a_tag, tag["Key"] + tag["Value"]))
        assert len(tag["Value"]) <= longest


def test_nobody_takes_them_for_the_owner() -> None:
    assert owner_of([*airflow_tags(OWN)]) is None
    assert owner_of([*airflow_tags(ORDINARY), *owner_tags(OWN)]) == OWN
    assert owner_text([*owner_tags(OWN), *airflow_tags(OWN)]) == owner_text(owner_tags(OWN))


@given(own=st.integers(0, 60))
def test_a_resource_has_at_most_50_tags_and_airflows_give_way(own: int) -> None:
    keys = [f"team-{index}" for index in range(own)]
    added = [tag["Key"] for tag in added_tags(keys, [*owner_tags(OWN), *airflow_tags(OWN)])]
    owners = [tag["Key"] for tag in owner_tags(OWN)]

    assert added[: len(owners)] == owners, "without them the resource could not be found"
    assert len(added) - len(owners) == min(3, max(0, 50 - own - len(owners)))


def test_a_tag_of_the_definition_wins_over_airflows_of_the_same_key() -> None:
    own = [{"Key": "airflow:dag_id", "Value": "mine"}]
    tags = [*owner_tags(OWN), *airflow_tags(OWN)]

    assert with_tags(own, tags) == [*own, *owner_tags(OWN), *airflow_tags(OWN)[1:]]
    assert with_tag_map({"airflow:dag_id": "mine"}, tags)["airflow:dag_id"] == "mine"


@pytest.mark.parametrize("own", ["team=ml", {"team": "ml"}, ["team=ml"], 7])
def test_what_is_no_list_of_tags_is_left_to_the_check_of_types(own: Any) -> None:
    given = own if isinstance(own, list) else [own]

    assert with_tags(own, owner_tags(OWN)) == [*given, *owner_tags(OWN)]


# -- the installation --------------------------------------------------------------------------------------------------

OWN = Owner("blue", "dag", "run", "Train", 2, "one")


def test_the_installation_has_a_tag_if_it_is_known() -> None:
    assert owner_of(owner_tags(OWN)) == OWN
    assert len(owner_tags(OWN)) == len(owner_tags(dataclasses.replace(OWN, installation=""))) + 1


@pytest.mark.parametrize(
    ("installation", "other", "may_be"),
    [("one", "one", True), ("one", "", True), ("", "one", True), ("one", "two", False)],
)
def test_two_deployments_of_the_same_name_are_told_apart_as_far_as_is_known(
    installation: str, other: str, may_be: bool
) -> None:
    owner = dataclasses.replace(OWN, installation=installation)

    assert owner.is_of_installation(other) is may_be
    assert owner.is_same_task(dataclasses.replace(OWN, installation=other)) is may_be
    assert not owner.is_same_task(dataclasses.replace(OWN, installation=other, map_index=3))
