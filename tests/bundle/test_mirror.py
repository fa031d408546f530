"""Refreshes of the mirror: what they call, and what they keep when calls fail."""

from __future__ import annotations

import json
import logging

import pytest
from botocore.exceptions import EndpointConnectionError

from airflow_sm_pipelines.bundle import mirror as mirror_module
from airflow_sm_pipelines.bundle.mirror import Mirror
from airflow_sm_pipelines.bundle.store import StoreError
from airflow_sm_pipelines.errors import CallRefusedError
from tests.bundle.conftest import ROLE, Account, MemoryShelf, Mirrors, definition, refusal

THROTTLED = refusal("DescribePipeline", "ThrottlingException")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://api.sagemaker.us-west-2.amazonaws.com")


def files(mirror: Mirror) -> dict[str, bytes]:
    """The files of the current version, from the store."""
    assert mirror.state is not None
    tree = mirror.store.version(mirror.state.version)
    return {path: mirror.store.file(digest) for path, digest in tree.files.items()}


def messages(mirror: Mirror) -> dict[str, str]:
    """What the step of each pipeline says, by the id of its DAG."""
    found = {}
    for path, content in files(mirror).items():
        if path.startswith("pipelines/"):
            steps = json.loads(json.loads(content)["PipelineDefinition"])["Steps"]
            found[path.removeprefix("pipelines/").removesuffix(".json")] = steps[0]["Arguments"]["ErrorMessage"]
    return found


def test_a_refresh_without_a_change_is_one_call(account: Account, mirrors: Mirrors, shelf: MemoryShelf) -> None:
    account.upsert("abalone")
    account.upsert("churn")
    mirror = mirrors.start()
    first = mirror.refresh()
    account.count()
    shelf.count()

    assert mirror.refresh() == first
    assert account.count() == ["ListPipelines"]
    assert shelf.count() == []


def test_a_changed_pipeline_is_one_describe_more(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone", definition("old"))
    account.upsert("churn")
    mirror = mirrors.start()
    before = mirror.refresh()
    account.count()
    arn = account.upsert("abalone", definition("new"))

    after = mirror.refresh()

    assert account.count() == ["ListPipelines", "DescribePipeline abalone", f"ListTags {arn}"]
    assert after.version != before.version
    assert messages(mirror) == {"abalone": "new", "churn": "no"}


def test_all_pages_are_read(account: Account, mirrors: Mirrors) -> None:
    account.page = 2
    for number in range(5):
        account.upsert(f"p{number}")
    mirror = mirrors.start()

    mirror.refresh()

    assert sorted(messages(mirror)) == ["p0", "p1", "p2", "p3", "p4"]
    account.count()
    mirror.refresh()
    assert account.count() == ["ListPipelines"] * 3


def test_a_file_has_name_role_tags_and_parallelism_and_nothing_that_changes_by_itself(
    account: Account, mirrors: Mirrors
) -> None:
    parallelism = {"MaxParallelExecutionSteps": 2}
    tags = [{"Key": "team", "Value": "ml"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}]
    arn = account.upsert(
        "abalone", Tags=tags, ParallelismConfiguration=parallelism, PipelineDescription="Rings", LastRunTime="now"
    )
    mirror = mirrors.start()

    mirror.refresh()

    assert json.loads(files(mirror)["pipelines/abalone.json"]) == {
        "PipelineName": "abalone",
        "PipelineArn": arn,
        "PipelineDescription": "Rings",
        "RoleArn": ROLE,
        "ParallelismConfiguration": parallelism,
        "PipelineDefinition": definition(),
        "Tags": [{"Key": "team", "Value": "ml"}],
    }


def test_an_upsert_of_the_same_text_makes_no_new_version(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone")
    mirror = mirrors.start()
    before = mirror.refresh()
    account.upsert("abalone")

    assert mirror.refresh().version == before.version
    account.count()
    mirror.refresh()
    assert account.count() == ["ListPipelines"]


def test_the_same_pipelines_are_the_same_version_wherever_and_in_whatever_order(account: Account) -> None:
    other = Account()
    for name in ("a", "b", "c"):
        account.upsert(name)
    for name in ("c", "a", "b"):
        other.upsert(name)

    assert (
        Mirrors(account, MemoryShelf()).start().refresh().version
        == Mirrors(other, MemoryShelf()).start().refresh().version
    )


def test_a_deleted_pipeline_is_gone(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone")
    account.upsert("churn")
    account.upsert("leaving", PipelineStatus="Deleting")
    mirror = mirrors.start()
    mirror.refresh()
    assert sorted(messages(mirror)) == ["abalone", "churn"]
    account.delete("churn")

    mirror.refresh()

    assert sorted(messages(mirror)) == ["abalone"]


def test_an_account_may_have_no_pipelines(account: Account, mirrors: Mirrors) -> None:
    mirror = mirrors.start()
    mirror.refresh()
    assert list(files(mirror)) == ["dags.py"]


@pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE, refusal("ListPipelines", "AccessDeniedException")])
def test_an_account_that_cannot_be_listed_keeps_the_last_good_state_and_the_log_says_so(
    account: Account, mirrors: Mirrors, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    account.upsert("abalone")
    mirror = mirrors.start()
    before = mirror.refresh()
    account.faults["ListPipelines"] = error
    account.upsert("abalone", definition("new"))

    with caplog.at_level(logging.WARNING):
        assert mirror.refresh() == before

    assert "bundle ml: no refresh, the DAGs stay as they are: ListPipelines" in caplog.text
    account.faults.clear()
    mirror.refresh()
    assert messages(mirror) == {"abalone": "new"}


def test_a_list_that_fails_on_its_second_page_is_not_taken_for_the_whole(account: Account, mirrors: Mirrors) -> None:
    for number in range(3):
        account.upsert(f"p{number}")
    mirror = mirrors.start()
    before = mirror.refresh()
    account.page = 2
    plain = account.list_pipelines

    def fail_later(**request: object) -> object:
        if "NextToken" in request:
            raise THROTTLED
        return plain(**request)  # type: ignore[arg-type]

    account.list_pipelines = fail_later  # type: ignore[method-assign,assignment]
    assert mirror.refresh() == before


def test_an_account_that_was_never_seen_and_cannot_be_reached_is_an_error(account: Account, mirrors: Mirrors) -> None:
    """No version is made: one without DAGs would make Airflow take them all for deleted."""
    account.faults["ListPipelines"] = refusal("ListPipelines", "AccessDeniedException")
    with pytest.raises(CallRefusedError, match="AccessDeniedException"):
        mirrors.start().refresh()


def test_a_processor_that_starts_while_the_account_is_away_has_the_state_of_the_store(
    account: Account, mirrors: Mirrors
) -> None:
    account.upsert("abalone")
    before = mirrors.start().refresh()
    account.faults["ListPipelines"] = UNREACHABLE

    restarted = mirrors.start()

    assert restarted.refresh() == before
    assert messages(restarted) == {"abalone": "no"}


def test_a_restart_is_one_call(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone")
    mirrors.start().refresh()
    account.count()

    mirrors.start().refresh()

    assert account.count() == ["ListPipelines"]


def test_a_pipeline_that_cannot_be_described_stays_as_it_was_and_does_not_hurt_the_others(
    account: Account, mirrors: Mirrors, caplog: pytest.LogCaptureFixture
) -> None:
    account.upsert("abalone", definition("old"))
    account.upsert("churn", definition("old"))
    mirror = mirrors.start()
    mirror.refresh()
    account.faults["abalone"] = refusal("DescribePipeline", "AccessDeniedException")
    for name in ("abalone", "churn", "new"):
        account.upsert(name, definition("new"))
    account.faults["new"] = refusal("DescribePipeline", "InternalFailure", 500)

    with caplog.at_level(logging.WARNING):
        mirror.refresh()

    assert messages(mirror) == {"abalone": "old", "churn": "new"}
    assert "the DAG abalone stays as it was: DescribePipeline: AccessDeniedException" in caplog.text
    assert "the DAG new is not there yet: DescribePipeline: InternalFailure" in caplog.text
    account.faults.clear()
    account.count()
    mirror.refresh()
    assert messages(mirror) == {"abalone": "new", "churn": "new", "new": "new"}
    assert "DescribePipeline churn" not in account.count()


def test_a_throttled_describe_ends_the_refresh_and_the_next_one_goes_on_with_the_others_first(
    account: Account, mirrors: Mirrors, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        account.upsert(name)
    account.faults["a"] = THROTTLED
    mirror = mirrors.start()

    with caplog.at_level(logging.WARNING):
        mirror.refresh()

    assert messages(mirror) == {}
    assert "pipelines left for the next refresh: 2" in caplog.text
    mirror.refresh()
    assert sorted(messages(mirror)) == ["b", "c"]
    account.faults.clear()
    mirror.refresh()
    assert sorted(messages(mirror)) == ["a", "b", "c"]


def test_a_refresh_ends_in_time_and_the_next_one_goes_on(
    account: Account, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        account.upsert(name)
    mirror = mirrors.start()
    monkeypatch.setattr(mirror_module, "READING_SECONDS", -1.0)
    mirror.refresh()
    assert messages(mirror) == {}

    monkeypatch.setattr(mirror_module, "READING_SECONDS", 60.0)
    mirror.refresh()
    assert sorted(messages(mirror)) == ["a", "b"]


def test_a_store_that_cannot_be_written_keeps_the_last_good_state(
    account: Account, mirrors: Mirrors, shelf: MemoryShelf, caplog: pytest.LogCaptureFixture
) -> None:
    account.upsert("abalone", definition("old"))
    mirror = mirrors.start()
    before = mirror.refresh()
    account.upsert("abalone", definition("new"))
    shelf.fault = StoreError("s3://b/p cannot be written")

    with caplog.at_level(logging.WARNING):
        assert mirror.refresh() == before

    assert "s3://b/p cannot be written" in caplog.text
    shelf.fault = None
    mirror.refresh()
    assert messages(mirror) == {"abalone": "new"}


def test_every_file_of_a_version_is_in_the_store_before_its_manifest(
    account: Account, mirrors: Mirrors, shelf: MemoryShelf
) -> None:
    account.upsert("abalone")
    mirrors.start().refresh()

    writes = [one for one in shelf.count() if one.startswith("write")]
    assert writes == ["write objects", "write objects", "write versions", "write current"]


def test_old_versions_stay_in_the_store(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone", definition("old"))
    mirror = mirrors.start()
    old = mirror.refresh()
    account.upsert("abalone", definition("new"))
    mirror.refresh()

    digest = mirror.store.version(old.version).files["pipelines/abalone.json"]
    assert "old" in json.loads(mirror.store.file(digest))["PipelineDefinition"]


def test_a_state_that_cannot_be_read_is_made_again(
    account: Account, mirrors: Mirrors, shelf: MemoryShelf, caplog: pytest.LogCaptureFixture
) -> None:
    account.upsert("abalone")
    before = mirrors.start().refresh()
    shelf.contents["current/ml.json"] = b'{"version": 7}'

    with caplog.at_level(logging.WARNING):
        assert mirrors.start().refresh() == before
    assert "current/ml.json of the store is not readable" in caplog.text


def test_another_loader_is_another_version(account: Account, mirrors: Mirrors) -> None:
    account.upsert("abalone")
    first = mirrors.start().refresh()
    account.count()
    second = mirrors.start(loader={"dags.py": b"# another"}).refresh()
    assert first.version != second.version
    assert account.count() == ["ListPipelines"]
