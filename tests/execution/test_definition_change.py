"""A definition that changes under a running run is noticed, said in the log, and fails no step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import definition_change
from airflow_sm_pipelines.execution.definition_change import tell_of_change
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import CHANGE_KEY, DIGEST_KEY
from tests.semantics.test_definition_change import uuid7

LATER, EARLIER = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, -1))
"""Starts of a run: after, and before, the definition's file was written."""

OLD = "0" * 64


class Told:
    """A log that keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str, *arguments: Any) -> None:
        self.warnings.append(text % arguments)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """State of each task; asking for them is noted under ``asked``."""
    known: dict[str, str] = {}

    def answer(dag_id: str, run_id: str, task_ids: list[str]) -> Mapping[str, str]:
        known["asked"] = ",".join(task_ids)
        return known

    monkeypatch.setattr(definition_change, "task_states", answer)
    return known


@pytest.fixture
def tell(
    definition: Any, processing_arguments: Any, context: Any, ti: Any, tmp_path: Path, states: dict[str, str]
) -> Callable[..., list[str]]:
    """Start a step of ``First``, ``Other`` and ``Second``, the last after the first; return the warnings."""
    file = tmp_path / "p.json"
    steps = [
        {"Name": name, "Type": "Processing", "Arguments": processing_arguments, "DependsOn": after}
        for name, after in (("First", []), ("Other", []), ("Second", ["First"]))
    ]
    body = definition(*steps)
    ti.bundle_instance = SimpleNamespace(name="dags-folder", version=None)
    ti.dag_version_id = uuid7(EARLIER)
    context["dag"].fileloc = str(tmp_path / "dags.py")
    context["dag_run"].start_date = LATER
    file.write_text(json.dumps(body))

    def start(name: str) -> list[str]:
        pipeline = load_pipeline("p.json", base_folder=tmp_path)
        settings = PipelineRunSettings(pipeline, "p", {step.name: step.name for step in pipeline.steps})
        plan = next(plan for plan in pipeline.plans if plan.step.name == name)
        ti.task_id, log = name, Told()
        tell_of_change(plan, settings, context, log)  # type: ignore[arg-type]
        start.digest = pipeline.digest  # type: ignore[attr-defined]
        return log.warnings

    return start


def published(ti: Any, key: str) -> dict[str, Any]:
    return {task: ti.xcom_pull(task_ids=task, key=key, map_indexes=-1) for task, one in ti.xcoms if one == key}


def test_a_step_without_a_predecessor_notes_the_definition_that_the_run_started_with(
    tell: Any, ti: Any, states: dict[str, str]
) -> None:
    assert tell("First") == []
    assert published(ti, DIGEST_KEY) == {"First": tell.digest}
    assert "asked" not in states


def test_a_later_step_costs_nothing_while_nothing_has_changed(tell: Any, ti: Any, states: dict[str, str]) -> None:
    assert tell("Second") == []
    assert ti.xcoms == {}
    assert "asked" not in states


def test_a_bundle_that_pins_versions_costs_nothing(tell: Any, ti: Any, states: dict[str, str]) -> None:
    ti.bundle_instance.version = "5d3c"
    ti.dag_version_id = uuid7(LATER + timedelta(hours=1))
    assert tell("First") == tell("Second") == []
    assert ti.xcoms == {}
    assert "asked" not in states


def test_inside_dag_test_nothing_can_change(tell: Any, ti: Any, states: dict[str, str]) -> None:
    """It gives tasks no bundle, and all of them the same DAG object."""
    del ti.bundle_instance
    ti.dag_version_id = uuid7(LATER + timedelta(hours=1))
    assert tell("First") == tell("Second") == []
    assert ti.xcoms == {}
    assert "asked" not in states


def change_version(ti: Any, context: Any) -> None:
    ti.dag_version_id = uuid7(LATER + timedelta(minutes=1))


def change_file(ti: Any, context: Any) -> None:
    context["dag_run"].start_date = EARLIER
    ti.dag_version_id = uuid7(EARLIER - timedelta(hours=1))


def clear(ti: Any, context: Any) -> None:
    context["dag_run"].clear_number = 1


@pytest.mark.parametrize("change", [change_version, change_file, clear])
def test_a_definition_that_changed_under_the_run_is_told_in_the_next_steps_log(
    tell: Any, ti: Any, context: Any, states: dict[str, str], change: Any
) -> None:
    states["First"] = "success"
    ti.published_by("First", OLD, DIGEST_KEY)
    change(ti, context)

    [said] = tell("Second")

    assert f"the run started with sha256 000000000000…, this step runs {tell.digest[:12]}…" in said
    assert published(ti, CHANGE_KEY) == {"Second": {"RunStartedWith": OLD, "StepRuns": tell.digest}}


def test_a_dag_that_changed_without_its_definition_is_no_change(
    tell: Any, ti: Any, context: Any, states: dict[str, str]
) -> None:
    assert tell("First") == []
    states["First"] = "success"
    change_version(ti, context)
    assert tell("Second") == []
    assert states["asked"] == "First,Other"


def test_a_first_step_that_starts_after_the_change_notes_what_the_run_started_with(
    tell: Any, ti: Any, context: Any, states: dict[str, str]
) -> None:
    ti.published_by("First", OLD, DIGEST_KEY)
    states["First"] = "deferred"
    change_version(ti, context)

    assert len(tell("Other")) == 1
    assert published(ti, DIGEST_KEY)["Other"] == OLD


def test_a_whole_run_that_is_cleared_starts_with_the_new_definition(
    tell: Any, ti: Any, context: Any, states: dict[str, str]
) -> None:
    ti.published_by("First", OLD, DIGEST_KEY)
    ti.published_by("Other", OLD, DIGEST_KEY)
    states.update(First="running", Other="queued")
    context["dag_run"].clear_number = 1
    del ti.xcoms["First", DIGEST_KEY]  # Airflow clears the XComs of a try that starts

    assert tell("First") == []
    assert published(ti, DIGEST_KEY)["First"] == tell.digest


def test_a_first_step_that_has_noted_nothing_is_passed_over(
    tell: Any, ti: Any, context: Any, states: dict[str, str]
) -> None:
    """A person has marked it successful."""
    states.update(First="success", Other="running")
    ti.published_by("Other", OLD, DIGEST_KEY)
    change_version(ti, context)

    assert len(tell("Second")) == 1


def test_a_run_whose_first_steps_have_noted_nothing_says_nothing(
    tell: Any, ti: Any, context: Any, states: dict[str, str]
) -> None:
    """It was started before an upgrade of this package."""
    states["First"] = "success"
    change_version(ti, context)

    assert tell("Second") == []


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch, states: dict[str, str]) -> list[int]:
    """How many tasks each question to Airflow was about."""
    counts: list[int] = []

    def answer(dag_id: str, run_id: str, task_ids: list[str]) -> Mapping[str, str]:
        counts.append(len(task_ids))
        return {task: states[task] for task in task_ids if task in states}

    monkeypatch.setattr(definition_change, "task_states", answer)
    return counts


def wide(definition: Any, processing_arguments: Any, steps: int) -> tuple[Any, PipelineRunSettings]:
    """A pipeline whose steps all begin with the run."""
    body = definition(
        *({"Name": f"S{number}", "Type": "Processing", "Arguments": processing_arguments} for number in range(steps))
    )
    pipeline = load_pipeline(body)
    return pipeline.plans, PipelineRunSettings(pipeline, "p", {step.name: step.name for step in pipeline.steps})


@pytest.mark.parametrize(("begun", "asked"), [("S3", [20]), ("S700", [20, 980])])
def test_each_of_a_thousand_first_steps_asks_for_a_few_of_the_others_unless_none_of_those_has_begun(
    definition: Any,
    processing_arguments: Any,
    ti: Any,
    context: Any,
    states: dict[str, str],
    asked_for: list[int],
    begun: str,
    asked: list[int],
) -> None:
    plans, settings = wide(definition, processing_arguments, 1000)
    ti.bundle_instance = SimpleNamespace(name="dags-folder", version=None)
    change_version(ti, context)
    context["dag_run"].start_date = EARLIER
    states[begun] = "success"
    ti.published_by(begun, OLD, DIGEST_KEY)
    ti.task_id, log = plans[9].step.name, Told()

    tell_of_change(plans[9], settings, context, log)  # type: ignore[arg-type]

    assert asked_for == asked
    assert len(log.warnings) == 1
