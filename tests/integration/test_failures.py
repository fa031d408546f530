"""How failures spread through a pipeline, through ``dag.test()``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.integration.conftest import Tried

TryDefinition = Callable[..., Tried]

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

STOP = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}


def job(name: str, *depends_on: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": [*depends_on],
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": "unused", "ContainerEntrypoint": ["true"]},
        },
    }


def choice(name: str, *if_steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [], "IfSteps": [*if_steps], "ElseSteps": []},
    }


def test_no_job_is_created_once_a_fail_step_was_reached(try_definition: TryDefinition) -> None:
    steps = [choice("Check", STOP), job("First"), job("Second", "First"), job("Third", "Second")]

    tried = try_definition({"Version": "2020-12-01", "Steps": steps})

    # dag.test() goes in rounds: Second and Stop are in the same one.
    assert (tried.state, tried.states["Stop"], tried.states["First"]) == ("failed", "failed", "success")
    assert tried.states["Third"] == "skipped"
    names = [
        one["ProcessingJobName"] for one in boto3.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    ]
    assert not [name for name in names if "-Third-" in name]


def test_a_step_that_waits_for_any_outcome_does_not_start_after_a_fail_step(try_definition: TryDefinition) -> None:
    waiting = job("Notify", {"Step": "Third", "Trigger": "Any"})
    steps = [
        choice("Check", choice("Inner", STOP)),
        job("First"),
        job("Second", "First"),
        job("Third", "Second"),
        waiting,
    ]

    tried = try_definition({"Version": "2020-12-01", "Steps": steps})

    assert tried.states["Notify"] == "skipped"
    assert tried.states["pipeline_status"] == "failed"
    assert "Failed: Stop failed" in str(tried.errors["pipeline_status"][0])
