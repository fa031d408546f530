"""Many running jobs on the real scheduler: what watching them costs, and a triggerer that ends while AWS is silent."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from typing import Any

import pytest

from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS
from tests.e2e.conftest import World, wait_for

pytestmark = pytest.mark.e2e
STEPS = [f"Work{number}" for number in range(8)]


def calls(world: World, since: float) -> list[dict[str, Any]]:
    """What was asked of the local AWS since a time, by anybody but the test."""
    with urllib.request.urlopen(f"{world.aws.endpoint_url}/_local/calls") as answer:
        return [call for call in json.load(answer)["calls"] if call["time"] >= since]


def test_many_deferred_jobs_are_listed_and_each_is_told_in_time(world: World) -> None:
    run = world.trigger("watched", Seconds=45)
    for name in STEPS:
        run.wait_task(name, "deferred", timeout=150)
    all_deferred = time.time()

    assert run.wait(240) == "success"

    assert list(world.jobs_of(run).values()) == ["Completed"] * len(STEPS), "none lost, none doubled"
    asked = Counter(call["operation"] for call in calls(world, all_deferred))
    assert asked["ListProcessingJobs"] >= 5
    # Its trigger's first look, its look at the hint, that of the worker; a List may come between them.
    assert asked["DescribeProcessingJob"] <= 5 * len(STEPS), asked
    log = "".join(run.log(name, run.task(name)["try_number"]) for name in STEPS)
    assert "is InProgress" in log, "what a trigger sees is in its task's log"
    assert "each processing job is described by itself" not in log


def test_a_triggerer_ends_by_itself_although_aws_does_not_answer(world: World) -> None:
    run = world.trigger("watched", Seconds=60)
    for name in STEPS:
        run.wait_trigger(name)
    time.sleep(QUIET_SECONDS + 3)  # all have looked
    silent_since = time.time()
    world.fault(service="sagemaker", operation="DescribeProcessingJob|ListProcessingJobs", action="slow", seconds=45)
    time.sleep(6)  # the interval is two seconds: List, at least, is without its answer now

    told = time.monotonic()
    world.airflow.stop_component("triggerer")
    took = time.monotonic() - told

    world.clear_faults()
    world.airflow.start_component("triggerer")
    slow = wait_for(
        lambda: [call for call in calls(world, silent_since) if call["fault"] == "slow"], 60, "a call without an answer"
    )
    assert min(call["time"] for call in slow) < silent_since + 6
    # Half a second on an idle machine (`python -m tests.scale.watching`); after twenty, it would have been killed.
    assert took < 20
    assert run.wait(240) == "success"
    assert list(world.jobs_of(run).values()) == ["Completed"] * len(STEPS), "none lost, none doubled"
