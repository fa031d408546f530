"""The name of a pipeline, the id of its DAG, and the tag of the DAG."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.pipeline_names import is_named, name_tags, pipeline_name, sagemaker_name

NAMES = st.from_regex(r"\A[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}\Z")
DAG_IDS = st.from_regex(r"\A[A-Za-z0-9_.~:+-]{1,250}\Z")


@given(dag_id=DAG_IDS)
def test_a_name_that_follows_from_a_dag_id_is_one_that_sagemaker_allows(dag_id: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}", sagemaker_name(dag_id))


@given(name=NAMES, dag_id=DAG_IDS, own=st.lists(st.text(max_size=9), max_size=3))
def test_a_pipeline_is_known_by_its_name_from_the_tags_of_its_dag(name: str, dag_id: str, own: list[str]) -> None:
    tags = [*own, *name_tags(name, dag_id)]
    assert is_named(name, dag_id, tags)
    assert all(len(tag) <= 100 for tag in name_tags(name, dag_id))


@pytest.mark.parametrize("name", ["another", "dag-2", ""])
def test_another_name_is_not_its(name: str) -> None:
    assert not is_named(name, "dag", name_tags("mine", "dag"))
    assert pipeline_name("dag", ["mine"]) == "dag"


def test_a_name_that_only_looks_like_its_dag_id_is_a_tag() -> None:
    assert name_tags("a--b", "a--b") == ["sagemaker-pipeline=a--b"], "the id stands for a-b"
