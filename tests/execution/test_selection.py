"""What a task does in a run that executes only selected steps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import CallRefusedError, OutputParametersError, StepError, StepFailedError
from airflow_sm_pipelines.execution import selection
from airflow_sm_pipelines.execution.selection import Part, part_of_task
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import PROPERTIES_KEY, SELECTION_KEY, STATUS_KEY
from airflow_sm_pipelines.semantics.given_options import read_run_options
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep

LOG: Any = logging.getLogger("selection")


class FakeSource:
    """A source run."""

    name, title = "of-old", "the run of-old"

    def __init__(self) -> None:
        self.ended: dict[str, UpstreamStep] = {}
        self.published: dict[str, Json] = {}
        self.error: Exception | None = None

    def outcomes(self, steps: Any) -> dict[str, UpstreamStep]:
        return {step: self.ended.get(step, UpstreamStep(StepStatus.SUCCEEDED)) for step in steps}

    def properties(self, step: str) -> Json:
        if self.error is not None:
            raise self.error
        return self.published.get(step)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    source = FakeSource()
    monkeypatch.setattr(selection, "latest_source", lambda *_: source)
    monkeypatch.setattr(selection, "named_source", lambda *_: source)
    return source


@pytest.fixture
def settings(definition: Any, processing_arguments: dict[str, Any]) -> PipelineRunSettings:
    """Process, Train after it, Eval that reads Train's ARN, Notify on a failure of Train, Report after Eval."""

    def step(name: str, *after: Any, **environment: Any) -> dict[str, Any]:
        arguments = {**processing_arguments, **({"Environment": environment} if environment else {})}
        return {"Name": name, "Type": "Processing", "Arguments": arguments, "DependsOn": list(after)}

    document = definition(
        step("Process"),
        step("Train", "Process"),
        step("Eval", ARN={"Get": "Steps.Train.ProcessingJobArn"}),
        step("Notify", {"Step": "Train", "Trigger": "Failed"}),
        step("Report", "Eval"),
    )
    pipeline = load_pipeline(document)
    return PipelineRunSettings(pipeline, "abalone", {step.name: step.name for step in pipeline.steps})


Ask = Callable[..., Part]


@pytest.fixture
def part_of(settings: PipelineRunSettings, context: Any) -> Ask:
    def ask(step: str, *selected: str, source_run: str = "latest") -> Part:
        context["ti"].task_id = step
        options = read_run_options({"sm_select_steps": list(selected), "sm_source_run": source_run})
        return part_of_task(_plan(settings, step), settings, options, context, None, LOG)  # type: ignore[arg-type]

    return ask


def _plan(settings: PipelineRunSettings, name: str) -> StepPlan:
    return next(plan for plan in settings.pipeline.plans if plan.step.name == name)


def test_a_selected_step_runs_with_what_the_source_says_of_the_reused_ones(
    part_of: Ask, source: FakeSource, ti: Any
) -> None:
    part = part_of("Eval", "Eval")

    assert part.is_executed
    assert part.outcomes == dict.fromkeys(["Process", "Train"], UpstreamStep(StepStatus.SUCCEEDED))
    assert ti.xcom_pull(task_ids="Eval", key=SELECTION_KEY, map_indexes=-1) == {
        "Role": "selected",
        "SourceRun": "of-old",
    }


def test_a_reused_step_publishes_what_it_published_in_the_source(part_of: Ask, source: FakeSource, ti: Any) -> None:
    source.published["Train"] = {"ProcessingJobArn": "arn"}
    part = part_of("Train", "Eval")

    assert not part.is_executed
    assert (part.properties, part.skipped) == ({"ProcessingJobArn": "arn"}, "")
    assert part.shown == {"Selection": "reused", "SourceRun": "of-old", "Status": "Succeeded"}


def test_a_step_that_is_not_selected_asks_for_no_source(part_of: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "latest_source", lambda *_: pytest.fail("asked for the latest run"))
    part = part_of("Report", "Eval")

    assert part.skipped == "Step Report does not run: sm_select_steps is Eval"


def test_a_selection_that_waits_for_nothing_asks_for_no_source(part_of: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "latest_source", lambda *_: pytest.fail("asked for the latest run"))

    assert part_of("Process", "Process", "Train").is_executed


def test_without_an_earlier_run_steps_that_wait_for_others_cannot_be_selected(
    part_of: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "latest_source", lambda *_: None)

    with pytest.raises(StepError, match="Eval waits for Train, which is not selected, and there is no source run"):
        part_of("Process", "Eval")


def test_every_task_says_that_a_selected_step_cannot_run(part_of: Ask, source: FakeSource) -> None:
    source.ended["Train"] = UpstreamStep(StepStatus.FAILED)

    for step in ("Process", "Train", "Eval"):
        with pytest.raises(StepError, match="Eval: Train is Failed, but the trigger is Completed"):
            part_of(step, "Eval")


def test_a_failure_of_the_source_is_told_without_a_failed_task(part_of: Ask, source: FakeSource, ti: Any) -> None:
    source.ended["Train"] = UpstreamStep(StepStatus.FAILED)
    source.published["Train"] = {"ProcessingJobStatus": "Failed"}
    part = part_of("Train", "Notify")

    assert part.skipped == (
        "Step Train is not executed, and ended as Failed in the run of-old, from which it is reused"
    )
    assert ti.xcom_pull(task_ids="Train", key=STATUS_KEY, map_indexes=-1) == "Failed"
    assert ti.xcom_pull(task_ids="Train", key=PROPERTIES_KEY, map_indexes=-1) == {"ProcessingJobStatus": "Failed"}


def test_a_step_without_a_result_does_not_hold_up_one_that_has_one(part_of: Ask, source: FakeSource) -> None:
    source.ended["Process"] = UpstreamStep(StepStatus.NOT_RUN)
    part = part_of("Process", "Eval")

    assert (part.skipped, part.properties) == ("", None)


def test_properties_that_are_gone_are_an_error_only_if_a_selected_step_reads_them(
    part_of: Ask, source: FakeSource
) -> None:
    with pytest.raises(StepError, match=r"has no properties of this step .* and Eval needs them: select Train, too"):
        part_of("Train", "Eval")
    assert part_of("Process", "Eval").properties is None


def test_a_step_that_cannot_be_read_says_from_where(part_of: Ask, source: FakeSource) -> None:
    source.error = CallRefusedError("DescribeProcessingJob", "AccessDenied", "no", None)
    with pytest.raises(StepFailedError, match=r"cannot read what this step left in the run of-old: .*AccessDenied"):
        part_of("Train", "Eval")
    source.error = OutputParametersError("an output is missing")
    with pytest.raises(StepError, match="not what it declares now: an output is missing; select it, too"):
        part_of("Train", "Eval")


def test_the_tasks_of_a_run_agree_on_the_latest_run(
    part_of: Ask, source: FakeSource, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []

    def named_source(name: str, *_: Any) -> FakeSource:
        named.append(name)
        return source

    monkeypatch.setattr(selection, "named_source", named_source)
    monkeypatch.setattr(selection, "latest_source", lambda *_: pytest.fail("asked for the latest run"))
    ti.published_by("Train", {"Role": "reused", "SourceRun": "of-last-week"}, SELECTION_KEY)

    assert part_of("Eval", "Eval").is_executed
    assert named == ["of-last-week"]


def test_tasks_that_have_reused_different_runs_are_told(
    settings: PipelineRunSettings, definition: Any, processing_arguments: Any, context: Any, ti: Any
) -> None:
    steps = [{"Name": name, "Type": "Processing", "Arguments": processing_arguments} for name in "AB"]
    last = {"Name": "C", "Type": "Processing", "Arguments": processing_arguments, "DependsOn": ["A", "B"]}
    pipeline = load_pipeline(definition(*steps, last))
    own = PipelineRunSettings(pipeline, "abalone", {name: name for name in "ABC"})
    ti.published_by("A", {"Role": "reused", "SourceRun": "one"}, SELECTION_KEY)
    ti.published_by("B", {"Role": "reused", "SourceRun": "two"}, SELECTION_KEY)

    with pytest.raises(StepError, match=r"have reused different runs \(one, two\)"):
        part_of_task(
            _plan(own, "C"),
            own,
            read_run_options({"sm_select_steps": ["C"]}),
            context,
            None,  # type: ignore[arg-type]
            LOG,
        )


def test_a_source_is_used_as_it_is_named(part_of: Ask, source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []

    def named_source(name: str, *_: Any) -> FakeSource:
        named.append(name)
        return source

    monkeypatch.setattr(selection, "named_source", named_source)

    part_of("Eval", "Eval", source_run="of-last-week")

    assert named == ["of-last-week"]


def test_a_source_that_is_named_must_be_there_although_nothing_is_reused(
    part_of: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named_source(*_: Any) -> Any:
        raise StepError("Process", "no such run")

    monkeypatch.setattr(selection, "named_source", named_source)

    with pytest.raises(StepError, match="no such run"):
        part_of("Process", "Process", source_run="of-last-week")
