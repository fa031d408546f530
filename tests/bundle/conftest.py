"""An account and a store for bundles, in memory, whose calls are counted and can fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.bundle.account import Selection
from airflow_sm_pipelines.bundle.mirror import Mirror
from airflow_sm_pipelines.bundle.store import StoreError, VersionStore

ROLE = "arn:aws:iam::123456789012:role/Pipelines"


def definition(message: str = "no") -> str:
    """A pipeline of one step."""
    steps = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}]
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps})


def refusal(operation: str, code: str, status: int = 400) -> Exception:
    """An error of boto3."""
    from botocore.exceptions import ClientError

    answer: Any = {
        "Error": {"Code": code, "Message": f"{code} of a test"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


@dataclass
class Account:
    """A stand-in for boto3's client of SageMaker.

    Attributes:
        calls: Operations that were called, in order, with what they were asked for.
        faults: Errors of operations, or of one pipeline by its name.
        page: How many pipelines a page has.
    """

    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)
    page: int = 100
    _now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def upsert(self, name: str, text: str | None = None, *, account: str = "123456789012", **members: Any) -> str:
        self._now += timedelta(seconds=1)
        arn = f"arn:aws:sagemaker:us-west-2:{account}:pipeline/{name}"
        self.pipelines[arn] = {
            "PipelineName": name,
            "PipelineArn": arn,
            "RoleArn": ROLE,
            "PipelineStatus": "Active",
            "CreationTime": self._now,
            "PipelineDefinition": text or definition(),
            "LastModifiedTime": self._now,
            "LastModifiedBy": {"UserProfileName": "somebody"},
            **members,
        }
        return arn

    def delete(self, name: str) -> None:
        del self.pipelines[f"arn:aws:sagemaker:us-west-2:123456789012:pipeline/{name}"]

    def count(self) -> list[str]:
        """Return the calls since the last count."""
        calls, self.calls = self.calls, []
        return calls

    def _call(self, operation: str, about: str = "") -> None:
        self.calls.append(f"{operation} {about}".strip())
        for key in (operation, about.rpartition("/")[2]):
            if key in self.faults:
                raise self.faults[key]

    # -- boto3 -------------------------------------------------------------------------------------------------

    def _own(self) -> list[dict[str, Any]]:
        return [one for arn, one in self.pipelines.items() if ":123456789012:" in arn]

    def list_pipelines(self, MaxResults: int, PipelineNamePrefix: str = "", NextToken: str = "0") -> Any:  # noqa: N803
        self._call("ListPipelines", PipelineNamePrefix)
        assert MaxResults == 100
        found = [one for one in self._own() if one["PipelineName"].startswith(PipelineNamePrefix)]
        start, end = int(NextToken), int(NextToken) + self.page
        shown = ("PipelineName", "PipelineArn", "RoleArn", "LastModifiedTime")
        summaries = [{name: one[name] for name in shown} for one in found[start:end]]
        return {"PipelineSummaries": summaries, **({"NextToken": str(end)} if found[end:] else {})}

    def search(self, Resource: str, SearchExpression: Any, MaxResults: int) -> Any:  # noqa: N803
        self._call("Search")
        wanted = [
            {"Key": one["Name"].removeprefix("Tags."), "Value": one["Value"]} for one in SearchExpression["Filters"]
        ]
        found = [one for one in self._own() if all(tag in one.get("Tags", ()) for tag in wanted)]
        return {"Results": [{Resource: dict(one)} for one in found]}

    def describe_pipeline(self, PipelineName: str) -> Any:  # noqa: N803
        self._call("DescribePipeline", PipelineName)
        for one in self.pipelines.values():
            if PipelineName == one["PipelineArn"] or (PipelineName == one["PipelineName"] and one in self._own()):
                return {name: value for name, value in one.items() if name != "Tags"}
        raise refusal("DescribePipeline", "ResourceNotFound")

    def list_tags(self, ResourceArn: str) -> Any:  # noqa: N803
        self._call("ListTags", ResourceArn)
        return {"Tags": self.pipelines[ResourceArn].get("Tags", [])}


@dataclass
class MemoryShelf:
    """A shelf in memory.

    Attributes:
        contents: What is there.
        fault: An error of all calls.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fault: StoreError | None = None

    def read(self, name: str) -> bytes | None:
        self.calls.append(f"read {name.partition('/')[0]}")
        if self.fault:
            raise self.fault
        return self.contents.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.calls.append(f"write {name.partition('/')[0]}")
        if self.fault:
            raise self.fault
        self.contents[name] = content

    def count(self) -> list[str]:
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def shelf() -> MemoryShelf:
    return MemoryShelf()


@dataclass
class Mirrors:
    """Makes mirrors of the account: one for each DAG processor that starts."""

    account: Account
    shelf: MemoryShelf

    def start(
        self, *pipelines: str, tags: Mapping[str, str] | None = None, loader: Mapping[str, bytes] | None = None
    ) -> Mirror:
        return Mirror(
            label="bundle ml",
            pointer="current/ml.json",
            selection=Selection(pipelines or ("*",), tags or {}),
            store=VersionStore(self.shelf),
            loader_files=lambda: loader or {"dags.py": b"# the loader"},
            client=lambda: self.account,  # type: ignore[arg-type,return-value]
        )


@pytest.fixture
def mirrors(account: Account, shelf: MemoryShelf) -> Mirrors:
    return Mirrors(account, shelf)
