"""The leaf that tells how a pipeline with dependency triggers ended."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import COMPLETED_WITH_FAILURES_KEY, STATUS_KEY
from airflow_sm_pipelines.operators import pipeline_status
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator

TASK_IDS = {"Train": "group.Train", "Notify": "Notify", "Clean": "Clean"}


def condition(name: str, *depends_on: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"Conditions": [], "IfSteps": [], "ElseSteps": []}
    return {"Name": name, "Type": "Condition", "DependsOn": list(depends_on), "Arguments": arguments}


PIPELINE = load_pipeline(
    {
        "Version": "2020-12-01",
        "Steps": [
            condition("Train"),
            condition("Notify", {"Step": "Train", "Trigger": "Failed"}),
            condition("Clean", "Train"),
        ],
    }
)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    found: dict[str, str | None] = dict.fromkeys(TASK_IDS.values(), "success")

    def task_states(dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str | None]:
        assert (dag_id, run_id, set(task_ids)) == ("dag", "run", set(TASK_IDS.values()))
        return found

    monkeypatch.setattr(pipeline_status, "task_states", task_states)
    return found


def status_task(pipeline: Any = PIPELINE, **arguments: Any) -> PipelineStatusOperator:
    settings = PipelineRunSettings(pipeline, "pipeline", TASK_IDS)
    return PipelineStatusOperator(task_id="pipeline_status", plans=pipeline.plans, settings=settings, **arguments)


def test_it_waits_for_everything_whatever_happens() -> None:
    assert status_task().trigger_rule == "all_done"


def test_an_outage_of_airflow_does_not_fail_the_run() -> None:
    """What it raises itself is never retried."""
    task = status_task()

    assert (task.retries, task.retry_delay) == (3, timedelta(seconds=20))


@pytest.mark.parametrize("state", ["success", "skipped"])
def test_without_a_failure_the_pipeline_succeeded(states: Any, context: Any, state: str) -> None:
    states["Notify"] = state

    assert status_task().execute(context) == {"Status": "Succeeded", "FailedSteps": []}


@pytest.mark.parametrize("run_state", ["failed", "success"])
def test_completed_with_failures_is_published_whatever_the_run_becomes(
    states: Any, context: Any, ti: Any, run_state: str
) -> None:
    states["group.Train"] = "failed"
    with suppress(AirflowFailException):
        status_task(completed_with_failures=run_state).execute(context)

    published = {key: value for (_, key), value in ti.xcoms.items()}
    assert published == {COMPLETED_WITH_FAILURES_KEY: '["Train"]'}


def test_a_failure_that_nobody_waited_for_is_not_published_as_such(states: Any, context: Any, ti: Any) -> None:
    states["group.Train"] = states["Clean"] = "failed"
    with pytest.raises(AirflowFailException, match=r"^Failed"):
        status_task().execute(context)

    assert ti.xcoms == {}


def test_completed_with_failures_is_a_failed_run_that_names_the_steps(states: Any, context: Any) -> None:
    states["group.Train"], states["Clean"] = "failed", "upstream_failed"

    with pytest.raises(AirflowFailException, match=r"^CompletedWithFailures: Train failed$"):
        status_task().execute(context)


def test_completed_with_failures_may_be_a_success(states: Any, context: Any) -> None:
    states["group.Train"], states["Clean"] = "failed", "upstream_failed"

    answer = status_task(completed_with_failures="success").execute(context)

    assert answer == {"Status": "CompletedWithFailures", "FailedSteps": ["Train"]}


@pytest.mark.parametrize(
    ("trigger", "status"),
    [
        ("Failed", "CompletedWithFailures"),
        ("Stopped", "CompletedWithFailures"),
        ("Any", "CompletedWithFailures"),
        ("Completed", "Failed"),
    ],
)
def test_a_step_that_waits_with_any_trigger_but_completed_handles_a_failure(
    states: Any, context: Any, trigger: str, status: str
) -> None:
    notify = condition("Notify", {"Step": "Train", "Trigger": trigger})
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": [condition("Train"), notify, condition("Clean")]})
    states["group.Train"] = "failed"

    with pytest.raises(AirflowFailException, match=f"^{status}: Train failed$"):
        status_task(pipeline).execute(context)


@pytest.mark.parametrize("wish", ["failed", "success"])
def test_a_failure_that_no_step_waits_for_is_a_failed_run_whatever_the_user_wishes(
    states: Any, context: Any, wish: str
) -> None:
    states["group.Train"] = states["Clean"] = "failed"

    with pytest.raises(AirflowFailException, match=r"^Failed: Clean, Train failed$"):
        status_task(completed_with_failures=wish).execute(context)


def test_any_other_wish_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="completed_with_failures is 'failed' or 'success', not 'sucess'"):
        status_task(completed_with_failures="sucess")


@pytest.mark.parametrize(
    ("published", "told"),
    [("NotRun", "^NotRun: Each did not run"), ("Failed", "^Failed: Each failed"), (None, "^Failed: Each failed")],
)
def test_a_loop_that_did_not_begin_has_not_failed(
    context: Any, ti: Any, monkeypatch: pytest.MonkeyPatch, published: str | None, told: str
) -> None:
    body = {"Name": "Body", "Type": "Lambda", "FunctionArn": "arn", "Arguments": {}}
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [body]}
    loop = {"Name": "Each", "Type": "ForEach", "Arguments": arguments}
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": [loop]})
    settings = PipelineRunSettings(pipeline, "pipeline", {"Each": "Each.result", "Body": "Body"})
    plans = [plan for plan in pipeline.plans if plan.step.body_of is None]
    task = PipelineStatusOperator(task_id="pipeline_status", plans=plans, settings=settings)
    # The last task of a group fails where a task of a plain step would be upstream_failed.
    monkeypatch.setattr(pipeline_status, "task_states", lambda *_: {"Each.result": "failed"})
    if published:
        ti.published_by("Each.result", published, STATUS_KEY)

    with pytest.raises(AirflowFailException, match=told):
        task.execute(context)


def test_a_group_that_a_failure_before_it_kept_from_running_does_not_look_successful(states: Any, context: Any) -> None:
    states |= {"group.Train": "upstream_failed", "Clean": "upstream_failed", "Notify": "skipped"}

    with pytest.raises(AirflowFailException, match=r"^NotRun: Clean, Train did not run, since a task upstream failed$"):
        status_task(completed_with_failures="success").execute(context)


def test_a_group_that_was_skipped_as_a_whole_skips_what_comes_after_it(states: Any, context: Any) -> None:
    states |= dict.fromkeys(states, "skipped")

    with pytest.raises(AirflowSkipException, match="All steps of the pipeline were skipped"):
        status_task().execute(context)
