"""Failures that Airflow would not see."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.semantics.hidden_failures import may_hide_failures

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:work"
Step = dict[str, Any]


def job(name: str, *depends_on: str) -> Step:
    return {"Name": name, "Type": "Lambda", "FunctionArn": FUNCTION, "Arguments": {}, "DependsOn": [*depends_on]}


def choice(name: str, if_steps: list[Step], else_steps: list[Step], *depends_on: str) -> Step:
    arguments = {"Conditions": [], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": [*depends_on]}


def hides(*steps: Step) -> bool:
    return may_hide_failures(load_pipeline({"Version": "2020-12-01", "Steps": [*steps]}).plans)


def test_a_step_of_a_branch_hides_the_failure_of_what_it_waits_for_outside() -> None:
    assert hides(job("Data"), choice("Check", [job("Train", "Data")], []))


def test_so_does_a_step_that_waits_for_such_a_step() -> None:
    assert hides(job("Data"), choice("Check", [job("Train")], []), job("Report", "Train", "Data"))


def test_a_condition_behind_the_failed_step_decides_nothing() -> None:
    assert not hides(job("Train"), choice("Check", [job("Register", "Train")], [job("Tell")], "Train"))


def test_the_branch_of_a_step_that_has_run_was_chosen() -> None:
    assert not hides(choice("Check", [job("Train"), job("Register", "Train")], []))


def test_another_last_step_shows_the_failure() -> None:
    assert not hides(job("Data"), choice("Check", [job("Train", "Data")], []), job("Report", "Data"))


def test_where_either_branch_shows_it_one_more_task_does_no_harm() -> None:
    assert hides(job("Data"), choice("Check", [job("Train", "Data")], [job("Tell", "Data")]))


def test_a_pipeline_without_branches_hides_nothing() -> None:
    assert not hides(job("A"), job("B", "A"), choice("Check", [], [], "A"))


@st.composite
def pipelines(draw: st.DrawFn) -> list[Step]:
    """Steps S0, S1 … of which each waits for some before it, in branches of Conditions among them."""
    steps: list[Step] = []
    lists = [steps]
    for index in range(draw(st.integers(2, 7))):
        place = draw(st.sampled_from(lists))
        waits_for = (
            draw(st.lists(st.sampled_from([f"S{before}" for before in range(index)]), unique=True, max_size=2))
            if index
            else []
        )
        if draw(st.booleans()):
            step = choice(f"S{index}", [], [], *waits_for)
            lists += [step["Arguments"]["IfSteps"], step["Arguments"]["ElseSteps"]]
        else:
            step = job(f"S{index}", *waits_for)
        place.append(step)
    return steps


@settings(max_examples=1000)
@given(pipelines())
def test_it_is_said_of_every_pipeline_in_which_airflow_would_miss_one(steps: list[Step]) -> None:
    """Every failing step and every choice of branches is tried by Airflow's rules."""
    plans = load_pipeline({"Version": "2020-12-01", "Steps": steps}).plans
    plans = tuple(sorted(plans, key=lambda plan: int(plan.step.name[1:])))
    waited_for = {edge.upstream for plan in plans for edge in plan.edges}
    conditions = [plan.step.name for plan in plans if plan.step.type == "Condition"]

    def misses(failing: str, chosen: dict[str, str]) -> bool:
        states: dict[str, str] = {}
        for plan in plans:
            before = [states[edge.upstream] for edge in plan.edges]
            not_chosen = any(
                edge.branch and states[edge.upstream] == "success" and chosen[edge.upstream] != edge.branch
                for edge in plan.edges
            )
            # Of a failed and a skipped task upstream, the one counts that Airflow sees first: the skipped one, perhaps.
            if not_chosen or "skipped" in before:
                states[plan.step.name] = "skipped"
            elif "failed" in before:
                states[plan.step.name] = "failed"
            else:
                states[plan.step.name] = "failed" if plan.step.name == failing else "success"
        last = [states[plan.step.name] for plan in plans if plan.step.name not in waited_for]
        return states[failing] == "failed" and "failed" not in last

    expected = any(
        misses(plan.step.name, dict(zip(conditions, sides, strict=True)))
        for plan in plans
        for sides in product(("if", "else"), repeat=len(conditions))
    )
    assert may_hide_failures(plans) or not expected


@pytest.mark.parametrize("steps", [1000])
def test_of_a_thousand_steps_it_is_told_at_once(steps: int) -> None:
    chain = [job("S0"), *(job(f"S{index}", f"S{index - 1}") for index in range(1, steps // 2))]
    branch = [job(f"B{index}", f"S{index}") for index in range(steps // 2)]

    assert hides(*chain, choice("Check", branch, []))
