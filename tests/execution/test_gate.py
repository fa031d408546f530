"""May a step run now?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.definition.graph import Branch, Edge, StepPlan, Trigger
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution import gate
from airflow_sm_pipelines.execution.gate import pass_gate
from airflow_sm_pipelines.execution.xcoms import STATUS_KEY

TASK_IDS = {"Train": "group.Train", "Check": "Check"}


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """States of the run's tasks, as Airflow would tell them."""
    found: dict[str, str | None] = {}

    def task_states(dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str | None]:
        assert (dag_id, run_id) == ("dag", "run")
        return {task_id: found[task_id] for task_id in task_ids if task_id in found}

    monkeypatch.setattr(gate, "task_states", task_states)
    return found


@pytest.fixture
def passes(context: Any) -> Callable[..., bool]:
    """Whether a step with some edges passes the gate."""

    def ask(*edges: Edge) -> bool:
        plan = StepPlan(Step("Notify", "Processing", {}), edges)
        try:
            pass_gate(plan, TASK_IDS, context)
        except AirflowSkipException:
            return False
        return True

    return ask


def after(upstream: str, trigger: Trigger, branch: Any = None) -> Edge:
    return Edge(upstream, trigger, branch)


def test_a_step_that_waits_for_success_only_asks_for_nothing(passes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "task_states", lambda *_: pytest.fail("asked for task states"))

    assert passes(after("Train", Trigger.COMPLETED), after("Check", Trigger.COMPLETED, "if"))


@pytest.mark.parametrize(
    ("state", "runs_on"),
    [
        ("success", {Trigger.ANY, Trigger.COMPLETED}),
        ("failed", {Trigger.ANY, Trigger.FAILED}),
        ("skipped", set()),
        ("upstream_failed", set()),
        ("removed", set()),
        (None, set()),
    ],
)
@pytest.mark.parametrize("trigger", Trigger)
def test_airflows_states_as_the_services(
    passes: Any, states: Any, state: str | None, trigger: Trigger, runs_on: set[Trigger]
) -> None:
    # A second edge makes the gate look at every trigger, also at Completed.
    states.update({"group.Train": state, "Check": "failed"})

    assert passes(after("Train", trigger), after("Check", Trigger.FAILED)) is (trigger in runs_on)


def test_a_task_without_a_row_did_not_run(passes: Any, states: Any) -> None:
    assert not passes(after("Train", Trigger.ANY))


def test_a_failed_task_says_itself_that_its_step_was_stopped(passes: Any, states: Any, ti: Any) -> None:
    states["group.Train"] = "failed"
    ti.published_by("group.Train", "Stopped", STATUS_KEY)

    assert passes(after("Train", Trigger.STOPPED))
    assert passes(after("Train", Trigger.ANY))
    assert not passes(after("Train", Trigger.FAILED))


def test_a_retry_that_succeeded_is_not_stopped(passes: Any, states: Any, ti: Any) -> None:
    states["group.Train"] = "success"
    ti.published_by("group.Train", "Stopped", STATUS_KEY)

    assert not passes(after("Train", Trigger.STOPPED))


@pytest.mark.parametrize(
    ("outcome", "branch", "runs"),
    [(True, "if", True), (False, "if", False), (True, "else", False), (False, "else", True), (None, "if", False)],
)
def test_a_branch_runs_when_the_condition_chose_it(
    passes: Any, states: Any, ti: Any, outcome: bool | None, branch: str, runs: bool
) -> None:
    states.update({"group.Train": "failed", "Check": "success"})
    ti.published_by("Check", {"Outcome": outcome})

    assert passes(after("Check", Trigger.COMPLETED, branch), after("Train", Trigger.FAILED)) is runs


def test_a_condition_marked_successful_by_hand_chose_nothing(passes: Any, states: Any) -> None:
    states.update({"group.Train": "failed", "Check": "success"})

    assert not passes(after("Check", Trigger.COMPLETED, "if"), after("Train", Trigger.FAILED))


def test_a_skipped_condition_of_a_nested_branch_holds_its_steps_back(passes: Any, states: Any) -> None:
    states.update({"group.Train": "failed", "Check": "skipped"})

    assert not passes(after("Check", Trigger.COMPLETED, "if"), after("Train", Trigger.FAILED))


def test_the_skip_names_every_edge_that_does_not_hold(states: Any, context: Any) -> None:
    states.update({"group.Train": "success", "Check": "skipped"})
    edges = (after("Check", Trigger.ANY), after("Train", Trigger.FAILED))
    plan = StepPlan(Step("Notify", "Processing", {}), edges)

    with pytest.raises(AirflowSkipException) as skipped:
        pass_gate(plan, TASK_IDS, context)

    assert str(skipped.value) == (
        "Step Notify does not run: Check is NotRun, but the trigger is Any; "
        "Train is Succeeded, but the trigger is Failed"
    )


def branch_step() -> StepPlan:
    edge = Edge("Check", Trigger.COMPLETED, "if")
    return StepPlan(Step("Deploy", "Processing", {}, branch=Branch("Check", "if")), (edge,))


def test_a_step_of_a_branch_runs_when_its_condition_has_an_outcome(context: Any, ti: Any) -> None:
    ti.published_by("Check", {"Outcome": True})

    pass_gate(branch_step(), TASK_IDS, context)


def test_a_condition_marked_successful_by_hand_runs_no_branch(context: Any) -> None:
    with pytest.raises(StepError, match=r"Step Deploy: Condition Check has published no outcome .* clear it"):
        pass_gate(branch_step(), TASK_IDS, context)


# -- inside a ForEach --------------------------------------------------------------------------------------------------


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[int, str | None]]:
    """States of tasks by map index; -1 is that of a task outside of the loop."""
    found: dict[str, dict[int, str | None]] = {}
    monkeypatch.setattr(gate, "mapped_task_states", lambda _dag, _run, task_id: found[task_id])
    return found


def body_step(*edges: Edge) -> StepPlan:
    return StepPlan(Step("Notify", "Processing", {}, body_of="Each"), edges)


@pytest.mark.parametrize(("index", "runs"), [(0, False), (1, True), (2, False)])
def test_a_body_step_looks_at_its_own_iteration(
    context: Any, ti: Any, mapped: dict[str, Any], index: int, runs: bool
) -> None:
    mapped["group.Train"] = {0: "success", 1: "failed", 2: "failed"}
    ti.published_by("group.Train[2]", "Stopped", STATUS_KEY)
    ti.map_index = index

    if runs:
        pass_gate(body_step(after("Train", Trigger.FAILED)), TASK_IDS, context)
    else:
        with pytest.raises(AirflowSkipException):
            pass_gate(body_step(after("Train", Trigger.FAILED)), TASK_IDS, context)


def test_a_body_step_may_wait_for_a_step_outside(context: Any, ti: Any, mapped: dict[str, Any]) -> None:
    mapped.update({"group.Train": {0: "success", 1: "success"}, "Check": {-1: "failed"}})
    ti.map_index = 1

    pass_gate(body_step(after("Check", Trigger.FAILED), after("Train", Trigger.COMPLETED)), TASK_IDS, context)
    with pytest.raises(AirflowSkipException, match="Check is Failed, but the trigger is Stopped"):
        pass_gate(body_step(after("Check", Trigger.STOPPED)), TASK_IDS, context)
