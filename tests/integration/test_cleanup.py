"""A Cleanup step through ``dag.test()``: real jobs make objects, the step deletes some of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.conftest import Tried

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

DEFINITION: dict[str, Any] = json.loads((Path(__file__).parent / "definitions" / "cleanup.json").read_text())
TryDefinition = Callable[..., Tried]


def objects() -> set[str]:
    """Keys of this test's objects, without the execution they belong to."""
    found = boto3.client("s3").list_objects_v2(Bucket="integration", Prefix="cleanup/").get("Contents", [])
    return {entry["Key"].split("/", 2)[2] for entry in found}


@pytest.fixture(autouse=True)
def _nothing_left(aws: Any) -> None:
    s3 = boto3.client("s3")
    for entry in s3.list_objects_v2(Bucket="integration", Prefix="cleanup/").get("Contents", []):
        s3.delete_object(Bucket="integration", Key=entry["Key"])


def test_it_deletes_what_it_names_and_the_outputs_of_the_training_job(try_definition: TryDefinition) -> None:
    tried = try_definition(DEFINITION)

    assert tried.errors == {}
    assert tried.states == dict.fromkeys(tried.states, "success")
    assert objects() == {"tmp/part-10.csv", "tmp/kept.csv"}


def test_the_outputs_of_a_failed_training_job_are_deleted_too(try_definition: TryDefinition) -> None:
    tried = try_definition(DEFINITION, {"Outcome": 3})

    assert (tried.states["Train"], tried.states["Clean"]) == ("failed", "success")
    assert tried.state == "failed"
    assert objects() == {"tmp/part-10.csv", "tmp/kept.csv"}


def test_a_step_without_a_job_is_skipped_and_the_others_are_cleaned(
    try_definition: TryDefinition, capfd: pytest.CaptureFixture[str]
) -> None:
    tried = try_definition(DEFINITION, {"Instances": -1})

    assert (tried.states["Train"], tried.states["Clean"]) == ("failed", "success")
    assert objects() == {"tmp/part-10.csv", "tmp/kept.csv"}
    assert "Skipped Train: its outputs cannot be located" in capfd.readouterr().out
