"""Dependency triggers: when a step may start."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from airflow_sm_pipelines.definition.graph import Edge, StepPlan, Trigger
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep, needs_gate, unmet_edges

HOLDS = {
    ("Completed", "Succeeded"),
    ("Failed", "Failed"),
    ("Stopped", "Stopped"),
    ("Any", "Succeeded"),
    ("Any", "Failed"),
    ("Any", "Stopped"),
}


def plan_of(*edges: Edge) -> StepPlan:
    return StepPlan(Step("Waiting", "Processing", {}), edges)


def waits_for(trigger: Trigger, branch: Literal["if", "else"] | None = None, upstream: str = "Before") -> Edge:
    return Edge(upstream, trigger, branch)


@pytest.mark.parametrize("status", StepStatus)
@pytest.mark.parametrize("trigger", Trigger)
def test_an_edge_holds_when_its_step_ended_in_the_triggers_way(trigger: Trigger, status: StepStatus) -> None:
    unmet = unmet_edges(plan_of(waits_for(trigger)), {"Before": UpstreamStep(status)})

    assert (not unmet) is ((trigger.value, status.value) in HOLDS)
    assert unmet in ([], [f"Before is {status.value}, but the trigger is {trigger.value}"])


@pytest.mark.parametrize("trigger", Trigger)
def test_a_step_that_never_ran_holds_no_edge(trigger: Trigger) -> None:
    assert unmet_edges(plan_of(waits_for(trigger)), {"Before": UpstreamStep(StepStatus.NOT_RUN)})


@pytest.mark.parametrize("status", StepStatus)
@pytest.mark.parametrize("chosen", ["if", "else", None])
@pytest.mark.parametrize("branch", ["if", "else"])
def test_a_branch_edge_holds_when_the_condition_succeeded_and_chose_it(
    branch: Literal["if", "else"], chosen: Literal["if", "else"] | None, status: StepStatus
) -> None:
    plan = plan_of(waits_for(Trigger.COMPLETED, branch))

    unmet = unmet_edges(plan, {"Before": UpstreamStep(status, chosen)})

    assert (not unmet) is (status is StepStatus.SUCCEEDED and chosen == branch)


def test_the_phrase_says_that_the_branch_was_not_chosen() -> None:
    plan = plan_of(waits_for(Trigger.COMPLETED, "else"))

    assert unmet_edges(plan, {"Before": UpstreamStep(StepStatus.SUCCEEDED, "if")}) == [
        "Before did not choose its else branch"
    ]
    assert unmet_edges(plan, {"Before": UpstreamStep(StepStatus.FAILED)}) == [
        "Before is Failed, but the trigger is Completed"
    ]


def test_all_edges_must_hold_and_each_that_does_not_is_named() -> None:
    plan = plan_of(
        waits_for(Trigger.COMPLETED, upstream="A"),
        waits_for(Trigger.FAILED, upstream="B"),
        waits_for(Trigger.ANY, upstream="C"),
    )
    failed, succeeded = UpstreamStep(StepStatus.FAILED), UpstreamStep(StepStatus.SUCCEEDED)

    assert unmet_edges(plan, {"A": succeeded, "B": failed, "C": failed}) == []
    assert unmet_edges(plan, {"A": failed, "B": succeeded, "C": succeeded}) == [
        "A is Failed, but the trigger is Completed",
        "B is Succeeded, but the trigger is Failed",
    ]


def test_a_step_without_edges_may_start() -> None:
    assert unmet_edges(plan_of(), {}) == []


@pytest.mark.parametrize("trigger", Trigger)
def test_only_triggers_other_than_completed_need_the_gate(trigger: Trigger) -> None:
    plan = plan_of(waits_for(Trigger.COMPLETED, upstream="A"), waits_for(trigger, upstream="B"))

    assert needs_gate(plan) is (trigger is not Trigger.COMPLETED)


def test_a_branch_alone_needs_no_gate() -> None:
    assert not needs_gate(plan_of(waits_for(Trigger.COMPLETED, "if")))


def test_a_step_with_a_failed_trigger_in_a_nested_untaken_branch_does_not_run(
    definition: Any, processing_arguments: dict[str, Any]
) -> None:
    """Outer chooses else, so that Inner never runs; Train, outside of both, has failed."""

    def processing(name: str, **members: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Processing", "Arguments": processing_arguments, **members}

    def condition(name: str, if_steps: list[Any]) -> dict[str, Any]:
        return {
            "Name": name,
            "Type": "Condition",
            "Arguments": {"Conditions": [], "IfSteps": if_steps, "ElseSteps": []},
        }

    notify = processing("Notify", DependsOn=[{"Step": "Train", "Trigger": "Failed"}])
    pipeline = load_pipeline(definition(processing("Train"), condition("Outer", [condition("Inner", [notify])])))
    plan = next(plan for plan in pipeline.plans if plan.step.name == "Notify")
    failed = UpstreamStep(StepStatus.FAILED)

    assert needs_gate(plan)
    assert unmet_edges(plan, {"Train": failed, "Inner": UpstreamStep(StepStatus.NOT_RUN)})
    assert not unmet_edges(plan, {"Train": failed, "Inner": UpstreamStep(StepStatus.SUCCEEDED, "if")})
