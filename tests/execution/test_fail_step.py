"""A step that would start after a Fail step was reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution import fail_step
from airflow_sm_pipelines.execution.fail_step import skip_after_fail_step
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.settings import PipelineRunSettings

WORK = {
    "Name": "Work",
    "Type": "Lambda",
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:work",
    "Arguments": {},
}
FAIL = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch, definition: Any, context: Any) -> Callable[..., bool]:
    """Whether the step Work starts beside a Fail step in some state."""

    def ask(state: str | None, *others: dict[str, Any]) -> bool:
        def task_states(dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str | None]:
            assert (dag_id, run_id, task_ids) == ("dag", "run", ["group.Stop"])
            return {"group.Stop": state}

        monkeypatch.setattr(fail_step, "task_states", task_states)
        pipeline = load_pipeline(definition(WORK, *others))
        task_ids = {plan.step.name: f"group.{plan.step.name}" for plan in pipeline.plans}
        try:
            skip_after_fail_step(pipeline.plans[0], PipelineRunSettings(pipeline, "p", task_ids), context)
        except AirflowSkipException:
            return False
        return True

    return ask


@pytest.mark.parametrize("state", ["success", "skipped", "running", "up_for_retry", "upstream_failed", None])
def test_a_step_starts_as_long_as_no_fail_step_was_reached(starts: Any, state: str | None) -> None:
    assert starts(state, FAIL)


def test_once_a_fail_step_was_reached_no_step_starts(starts: Any) -> None:
    assert not starts("failed", FAIL)


def test_a_pipeline_without_a_fail_step_asks_for_nothing(
    starts: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(context["task_state_store"]), "get", lambda *_: pytest.fail("asked for the record"))

    assert starts("failed")


@pytest.mark.parametrize("record", [{"name": "job", "reference": "job"}, {"digest": "0"}, {}], ids=str)
def test_a_step_in_progress_goes_on_with_its_next_try(starts: Any, context: Any, ti: Any, record: Any) -> None:
    ti.try_number = 2
    context["task_state_store"].set(RECORD_KEY, {"epoch": "3/3", **record})

    assert starts("failed", FAIL)


def test_a_try_that_died_before_it_made_an_attempt_has_not_begun(starts: Any, ti: Any) -> None:
    ti.try_number = 2

    assert not starts("failed", FAIL)


def test_clearing_a_step_alone_does_not_resume_a_run_that_a_fail_step_has_ended(
    starts: Any, context: Any, ti: Any
) -> None:
    ti.try_number, ti.max_tries = 2, 4
    context["task_state_store"].set(RECORD_KEY, {"epoch": "3/3", "name": "job", "reference": "job"})

    assert not starts("failed", FAIL)


def test_the_reason_says_what_to_clear(definition: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fail_step, "task_states", lambda *_: {"Stop": "failed"})
    pipeline = load_pipeline(definition(WORK, FAIL))
    settings = PipelineRunSettings(pipeline, "p", {"Work": "Work", "Stop": "Stop"})

    with pytest.raises(AirflowSkipException) as skipped:
        skip_after_fail_step(pipeline.plans[0], settings, context)

    assert str(skipped.value) == (
        "Step Work does not start: Fail step Stop has ended this run. "
        "To go on with the run, clear Stop and what led to it, too"
    )
