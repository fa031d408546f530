"""Which pipelines are mirrored, and the ids of their DAGs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.mirrored_pipelines import (
    arn_parts,
    arns_of,
    common_prefix,
    is_wanted,
    mirrored_dag_id,
)

NAMES = st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}", fullmatch=True).filter(lambda name: len(name) <= 256)


def test_a_dag_has_the_name_of_its_pipeline() -> None:
    assert mirrored_dag_id("Abalone-2") == "Abalone-2"
    assert mirrored_dag_id("Abalone-2", prefix="eu.") == "eu.Abalone-2"


def test_the_dag_of_a_pipeline_given_by_its_arn_has_the_account_in_its_id() -> None:
    assert mirrored_dag_id("Abalone", account="210987654321") == "Abalone.210987654321"


def test_names_that_are_too_long_for_a_dag_are_cut_and_stay_apart() -> None:
    one, other = mirrored_dag_id("a" * 255 + "b"), mirrored_dag_id("a" * 255 + "c")
    assert len(one) == len(other) == 250
    assert one != other


@given(st.text(min_size=1))
def test_every_name_becomes_an_id_that_airflow_and_a_file_can_have(name: str) -> None:
    dag_id = mirrored_dag_id(name)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", dag_id)
    assert len(f"{dag_id}.json".encode()) <= 255


@given(NAMES, NAMES)
def test_two_names_never_become_one_id(one: str, other: str) -> None:
    assert (one == other) == (mirrored_dag_id(one) == mirrored_dag_id(other))


def test_names_are_selected_with_the_wildcards_of_the_shell() -> None:
    assert is_wanted("churn-train", ["abalone", "churn-*"])
    assert is_wanted("abalone", ["abalone", "churn-*"])
    assert not is_wanted("Abalone", ["abalone", "churn-*"])
    assert not is_wanted("my-churn-train", ["abalone", "churn-*"])


@pytest.mark.parametrize(
    ("patterns", "prefix"),
    [(["*"], ""), (["churn-*"], "churn"), (["churn-a*", "churn-b?"], "churn"), (["abalone"], "abalone"), ([], "")],
)
def test_the_list_is_asked_for_the_common_prefix_of_the_patterns(patterns: list[str], prefix: str) -> None:
    assert common_prefix(patterns) == prefix


@given(st.lists(NAMES, min_size=1, max_size=4), st.data())
def test_no_name_that_fits_is_left_out_by_the_prefix(names: list[str], data: st.DataObject) -> None:
    patterns = [f"{name[: data.draw(st.integers(0, len(name)))]}*" for name in names]
    prefix = common_prefix(patterns)
    assert all(name.startswith(prefix) for name in names)
    assert prefix == "" or re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", prefix)


def test_arns_are_told_from_patterns() -> None:
    arn = "arn:aws-cn:sagemaker:cn-north-1:210987654321:pipeline/Abalone"
    assert arns_of(["abalone*", arn]) == [arn]
    assert arn_parts(arn) == ("210987654321", "Abalone")


@pytest.mark.parametrize("arn", ["arn:aws:sagemaker:us-west-2:1:pipeline/a", "arn:aws:s3:::b", "arn:"])
def test_what_is_no_arn_of_a_pipeline_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN of a pipeline"):
        arn_parts(arn)
