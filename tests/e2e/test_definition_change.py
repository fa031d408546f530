"""A definition that is edited while a run goes on, in a DAG bundle that does not pin versions."""

from __future__ import annotations

import os
import time

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from tests.e2e.conftest import DAGS, World, wait_for

pytestmark = pytest.mark.e2e
SAID = "The definition has changed since this run started"


def versions(world: World) -> int:
    return len(world.airflow.api.request("GET", "dags/edited/dagVersions")["dag_versions"])


def parsed_again(world: World) -> bool:
    """Let the DAG processor look at the DAG again: half a minute after the last time it stores no new version."""
    os.utime(DAGS / "edited.py")
    time.sleep(8)
    return versions(world) == 2


def test_an_edit_is_a_new_version_of_the_dag_and_the_next_step_says_it(world: World) -> None:
    file = world.definitions / "edited.json"
    before = load_pipeline(file).digest
    run = world.trigger("edited", Seconds=100)
    run.wait_jobs(lambda jobs: len(jobs) == 1)
    assert versions(world) == 1

    file.write_text(file.read_text().replace("will exit", "is to exit"))
    wait_for(lambda: parsed_again(world), 90, "the new version of the DAG")

    assert run.wait(180) == "success"
    after = load_pipeline(file).digest
    assert run.xcom("First", "sm_pipelines_definition") == before
    assert run.xcom("Second", "sm_pipelines_definition_change") == {"RunStartedWith": before, "StepRuns": after}
    assert SAID in run.log("Second")
    assert SAID not in run.log("First")
