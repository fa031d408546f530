"""What a Fail step ends."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.semantics.fail_step import fail_steps_that_end

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:work"


def job(name: str, *depends_on: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": FUNCTION, "Arguments": {}, "DependsOn": [*depends_on]}


def fail(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}


def choice(name: str, if_steps: list[Any], else_steps: list[Any], *depends_on: str) -> dict[str, Any]:
    arguments = {"Conditions": [], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": [*depends_on]}


def ends(definition: Any, *steps: dict[str, Any]) -> dict[str, list[str]]:
    pipeline = load_pipeline(definition(*steps))
    return {plan.step.name: fail_steps_that_end(plan, pipeline.plans) for plan in pipeline.plans}


def test_a_fail_step_keeps_every_step_from_starting_that_does_not_lead_to_it(definition: Any) -> None:
    chosen = choice("Check", [job("Register")], [fail("Stop")], "Train")

    assert ends(definition, job("Train"), chosen, job("Beside"), job("After", "Check")) == {
        "Train": [],
        "Check": [],
        "Register": ["Stop"],
        "Stop": [],
        "Beside": ["Stop"],
        "After": ["Stop"],
    }


def test_of_two_fail_steps_the_second_does_not_start_either(definition: Any) -> None:
    chosen = choice("Check", [fail("TooHigh")], [choice("Again", [fail("TooLow")], [])])

    assert ends(definition, chosen) == {"Check": [], "TooHigh": ["TooLow"], "Again": ["TooHigh"], "TooLow": ["TooHigh"]}


def test_a_body_step_of_a_loop_that_leads_to_a_fail_step_is_not_kept_by_it(definition: Any) -> None:
    arguments = {"IterableItems": [1], "MaxConcurrency": 1, "ForEachBody": [job("Work")]}
    loop = {"Name": "Each", "Type": "ForEach", "Arguments": arguments}

    assert ends(definition, loop, choice("Check", [fail("Stop")], [], "Each")) == {
        "Each": [],
        "Work": [],
        "Check": [],
        "Stop": [],
    }


def test_a_pipeline_without_a_fail_step_is_ended_by_none(definition: Any) -> None:
    assert ends(definition, job("A"), job("B", "A")) == {"A": [], "B": []}
