"""Which pipelines of an account are mirrored, and what is read of them."""

from __future__ import annotations

import json
import logging

import pytest

from tests.bundle.conftest import Account, Mirrors, refusal


def mirrored(mirrors: Mirrors, *pipelines: str, **options: dict[str, str]) -> list[str]:
    return [one.dag_id for one in mirrors.start(*pipelines, **options).refresh().pipelines]  # type: ignore[arg-type]


def test_pipelines_are_selected_by_patterns_of_their_names(account: Account, mirrors: Mirrors) -> None:
    for name in ("abalone", "churn-train", "churn-score", "other"):
        account.upsert(name)

    assert mirrored(mirrors, "abalone", "churn-*") == ["abalone", "churn-score", "churn-train"]


def test_only_pipelines_with_the_common_prefix_are_listed(account: Account, mirrors: Mirrors) -> None:
    account.upsert("churn-train")
    assert mirrored(mirrors, "churn-*") == ["churn-train"]
    assert account.count()[0] == "ListPipelines churn"


def test_pipelines_are_selected_by_their_tags_with_one_call(account: Account, mirrors: Mirrors) -> None:
    team, stage = {"Key": "team", "Value": "ml"}, {"Key": "stage", "Value": "prod"}
    account.upsert("wanted", Tags=[team, stage])
    account.upsert("unwanted", Tags=[team])
    mirror = mirrors.start(tags={"team": "ml", "stage": "prod"})

    assert [one.dag_id for one in mirror.refresh().pipelines] == ["wanted"]
    assert account.count() == ["Search", "DescribePipeline wanted"]
    mirror.refresh()
    assert account.count() == ["Search"]


def test_a_changed_tag_is_seen_where_the_search_tells_the_tags(account: Account, mirrors: Mirrors) -> None:
    arn = account.upsert("wanted", Tags=[{"Key": "team", "Value": "ml"}])
    mirror = mirrors.start(tags={"team": "ml"})
    before = mirror.refresh()
    account.pipelines[arn]["Tags"] = [{"Key": "stage", "Value": "prod"}, {"Key": "team", "Value": "ml"}]

    after = mirror.refresh()

    content = json.loads(mirror.store.file(after.pipelines[0].digest))
    assert content["Tags"] == [{"Key": "stage", "Value": "prod"}, {"Key": "team", "Value": "ml"}]
    assert after.version != before.version


def test_a_shared_pipeline_is_described_by_its_arn_and_nothing_is_listed(account: Account, mirrors: Mirrors) -> None:
    arn = account.upsert("abalone", account="210987654321")
    mirror = mirrors.start(arn)

    assert [one.dag_id for one in mirror.refresh().pipelines] == ["abalone.210987654321"]
    assert account.count() == [f"DescribePipeline {arn}"]
    mirror.refresh()
    assert account.count() == [f"DescribePipeline {arn}"]


def test_a_shared_pipeline_stands_beside_an_own_one_of_the_same_name(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone")
    arn = account.upsert("abalone", account="210987654321")
    assert mirrored(mirrors, "*", arn) == ["abalone", "abalone.210987654321"]


def test_a_pipeline_that_is_selected_twice_is_mirrored_once(account: Account, mirrors: Mirrors) -> None:
    arn = account.upsert("abalone")
    assert mirrored(mirrors, "aba*", arn) == ["abalone"]


def test_a_name_that_cannot_be_the_id_of_a_dag_is_shortened(account: Account, mirrors: Mirrors) -> None:
    account.upsert("a" * 256)
    [dag_id] = mirrored(mirrors)
    assert len(dag_id) == 250
    assert dag_id.startswith("a" * 200)


def test_without_the_permission_to_list_tags_they_are_left_out(
    account: Account, mirrors: Mirrors, caplog: pytest.LogCaptureFixture
) -> None:
    account.upsert("abalone", Tags=[{"Key": "team", "Value": "ml"}])
    account.faults["ListTags"] = refusal("ListTags", "AccessDeniedException")
    mirror = mirrors.start()

    with caplog.at_level(logging.WARNING):
        state = mirror.refresh()

    assert "Tags" not in json.loads(mirror.store.file(state.pipelines[0].digest))
    assert "The DAG abalone has no tags of its pipeline: ListTags: AccessDeniedException" in caplog.text
