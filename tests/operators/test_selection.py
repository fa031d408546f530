"""What the operators do in a run that executes only selected steps."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution import selection
from airflow_sm_pipelines.execution.selection import Part
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.operators import for_each, pipeline_status, step_course
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator
from airflow_sm_pipelines.operators.step_course import part_in_selection
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep
from airflow_sm_pipelines.semantics.selection import StepRole

SELECTION = {"sm_select_steps": ["A"]}
SHOWN = {"Selection": "reused", "SourceRun": "of-old"}


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch, context: Any) -> Any:
    """Say what the tasks of a run with a selection do."""
    context["params"] = SELECTION

    def say(role: StepRole, **members: Any) -> None:
        monkeypatch.setattr(selection, "part_of_task", lambda *_: Part(role, **members))

    return say


def test_a_run_without_a_selection_asks_nothing(
    make_tasks: Any, processing: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "part_of_task", lambda *_: pytest.fail("asked"))
    context["params"] = {"sm_select_steps": None, "sm_source_run": "latest"}

    assert part_in_selection(make_tasks(processing("A"))["A"], context) is None


def test_an_option_with_a_wrong_value_fails_the_step(make_tasks: Any, processing: Any, context: Any) -> None:
    context["params"] = {"sm_select_steps": "A"}

    with pytest.raises(StepError, match=r"^Step A: sm_select_steps must be a list of step names, not 'A'"):
        make_tasks(processing("A"))["A"].execute(context)


def test_a_reused_step_ends_with_its_properties_and_without_a_call(
    make_tasks: Any, processing: Any, context: Any, part: Any, api: Any
) -> None:
    part(StepRole.REUSED, properties={"ProcessingJobArn": "arn"}, shown=SHOWN)
    task = make_tasks(processing("A"))["A"]

    assert task.execute(context) == {"ProcessingJobArn": "arn"}
    assert task.request == SHOWN


def test_a_step_that_is_not_selected_is_skipped_with_the_reason(
    make_tasks: Any, processing: Any, context: Any, part: Any, api: Any
) -> None:
    part(StepRole.NOT_SELECTED, skipped="Step A does not run", shown=SHOWN)

    with pytest.raises(AirflowSkipException, match="Step A does not run"):
        make_tasks(processing("A"))["A"].execute(context)


def test_the_gate_of_a_selected_step_is_told_how_the_source_ended(
    make_tasks: Any, processing: Any, context: Any, part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = {"A": UpstreamStep(StepStatus.FAILED)}
    part(StepRole.SELECTED, outcomes=outcomes)
    told: list[Any] = []

    def pass_gate(*arguments: Any) -> None:
        told.append(arguments[3])
        raise AirflowSkipException

    monkeypatch.setattr(step_course, "pass_gate", pass_gate)
    with pytest.raises(AirflowSkipException):
        make_tasks(processing("A"))["A"].execute(context)

    assert told == [outcomes]


def loop(processing: Any) -> dict[str, Any]:
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [processing("Each")]}
    return {"Name": "Loop", "Type": "ForEach", "Arguments": arguments}


def test_a_reused_for_each_skips_its_body_and_publishes_its_result(
    make_tasks: Any, processing: Any, context: Any, part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(for_each, "task_state", lambda *_: pytest.fail("looked at the items"))
    part(StepRole.REUSED, properties={"Status": "Succeeded"}, shown=SHOWN)
    tasks = make_tasks(loop(processing))

    with pytest.raises(AirflowSkipException, match=r"The body of Loop is not executed: the step is reused$"):
        tasks["Loop.items"].execute(context)
    assert tasks["Loop.result"].execute(context) == {"Status": "Succeeded"}


def test_a_failure_is_handled_only_by_a_selected_step(
    definition: Any, processing: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = processing("B", DependsOn=[{"Step": "A", "Trigger": "Failed"}])
    pipeline = load_pipeline(definition(processing("A"), handler))
    settings = PipelineRunSettings(pipeline, "pipeline", {"A": "A", "B": "B"})
    monkeypatch.setattr(pipeline_status, "task_states", lambda *_: {"A": "failed", "B": "skipped"})
    task = PipelineStatusOperator(
        task_id="status", plans=pipeline.plans, settings=settings, completed_with_failures="success"
    )

    with pytest.raises(AirflowFailException, match=r"^Failed: A failed"):
        task.execute({**context, "params": SELECTION})
    both = {"sm_select_steps": ["A", "B"]}
    assert task.execute({**context, "params": both})["Status"] == "CompletedWithFailures"
    assert task.execute(context)["Status"] == "CompletedWithFailures"
