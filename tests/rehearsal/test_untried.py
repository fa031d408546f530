"""Steps that a rehearsal or a plan leaves out, and the arguments with which they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.preview.untried import UntriedSteps
from airflow_sm_pipelines.rehearsal.rehearsals import PreparedRehearsal, prepare
from airflow_sm_pipelines.rehearsal.untried import unplanned_steps, untried_steps

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = [path for path in sorted(GOLDEN.glob("*.json")) if not path.name.endswith(".graph.json")]


def is_left_out(step: Any, pipeline: Pipeline, outcomes: dict[str, bool]) -> bool:
    """Whether a branch around a step is not taken, by the definition's own rule."""
    while step.branch is not None or step.body_of is not None:
        if step.branch is not None and outcomes.get(step.branch.condition) is (step.branch.side == "else"):
            return True
        step = pipeline.step(step.branch.condition if step.branch is not None else step.body_of)
    return False


def untried(prepared: PreparedRehearsal, *skipped: str) -> list[UntriedSteps]:
    """Ask as if Airflow had skipped certain steps beside those in branches that were not taken."""
    pipeline, outcomes = prepared.pipeline, prepared.chosen.scope.outcomes
    states: Any = {
        step.name: "skipped" if step.name in skipped or is_left_out(step, pipeline, outcomes) else "succeeded"
        for step in pipeline.steps
    }
    return untried_steps(pipeline, states, prepared.given, prepared.chosen)


def as_given(arguments: tuple[str, ...]) -> dict[str, Any]:
    """The arguments as the command hands them to `prepare`."""
    given: dict[str, list[str]] = {}
    for argument in arguments:
        if argument.startswith("--"):
            option = given.setdefault(argument, [])
        else:
            option.append(argument)
    parameters = dict(text.partition("=")[::2] for text in given.pop("--parameters", []))
    values = given.pop("--value", [])
    assert not given
    return {"parameters": parameters, "values": values}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_the_arguments_lead_to_the_steps_that_they_are_named_for(file: Path) -> None:
    pipeline = load_pipeline(file)
    before = prepare(pipeline, file)

    for one in untried(before):
        if not one.arguments:
            assert "no values were found" in one.because
            continue
        after = prepare(pipeline, file, **as_given(one.arguments))
        for name in one.steps:
            assert is_left_out(pipeline.step(name), pipeline, before.chosen.scope.outcomes)
            assert not is_left_out(pipeline.step(name), pipeline, after.chosen.scope.outcomes), f"{name}: {one}"


def test_every_step_of_a_branch_that_is_not_taken_is_named() -> None:
    file = GOLDEN / "v2_conditions_nested.json"
    prepared = prepare(load_pipeline(file), file)
    outcomes = prepared.chosen.scope.outcomes

    named = [name for one in untried(prepared) for name in one.steps]

    assert named == [step.name for step in prepared.pipeline.steps if is_left_out(step, prepared.pipeline, outcomes)]
    assert named


# -- a definition of our own -------------------------------------------------------------------------------------------


def decides(name: str, left: str, kind: str, right: Any, if_steps: list[Any], else_steps: list[Any]) -> dict[str, Any]:
    condition = {"Type": kind, "LeftValue": {"Get": left}, "RightValue": right}
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": if_steps, "ElseSteps": else_steps},
    }


def asks(name: str, **members: Any) -> dict[str, Any]:
    outputs = [{"OutputName": "note", "OutputType": "String"}]
    return {
        "Name": name,
        "Type": "Callback",
        "Arguments": {},
        "SqsQueueUrl": "https://sqs/q",
        "OutputParameters": outputs,
        **members,
    }


@pytest.fixture
def pipeline(definition: Any) -> Pipeline:
    inner = decides("Inner", "Parameters.Number", "GreaterThan", 10, [asks("Big")], [asks("Small")])
    outer = decides("Outer", "Parameters.Mode", "Equals", "full", [inner], [asks("Quick")])
    parameters = [
        {"Name": "Mode", "Type": "String", "DefaultValue": "full"},
        {"Name": "Number", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Open", "Type": "String"},
    ]
    steps = [
        asks("First"),
        outer,
        asks("AfterBig", DependsOn=["Big"]),
        asks("Alarm", DependsOn=[{"Step": "First", "Trigger": "Failed"}]),
        decides("Later", "Parameters.Open", "Equals", "yes", [asks("Yes")], [asks("No")]),
    ]
    return load_pipeline(definition(*steps, Parameters=parameters))


def test_nested_branches_waiting_steps_and_triggers(pipeline: Pipeline) -> None:
    prepared = prepare(pipeline, Path("x.json"))

    assert [one.in_words() for one in untried(prepared, "AfterBig", "Alarm")] == [
        "Big, AfterBig: Inner is false; try --parameters Number=11",
        "Quick: Outer is true; try --parameters 'Mode=other than full'",
        "No: Later is true; try --parameters Open=rehearsal-Open",
        "Alarm: it runs only if First fails; try --outcome First=failed:rehearsed",
    ]


def test_what_the_user_has_given_is_kept_if_possible(pipeline: Pipeline) -> None:
    prepared = prepare(pipeline, Path("x.json"), parameters={"Number": 5})
    assert untried(prepared)[0].arguments == ("--parameters", "Number=11"), "it decides, so it must change"

    prepared = prepare(pipeline, Path("x.json"), parameters={"Mode": "quick", "Number": 20})
    assert untried(prepared)[0] == UntriedSteps(("Inner", "Big"), "Outer is false", ("--parameters", "Mode=full"))


def test_a_step_that_cannot_fail_on_request_gets_no_such_advice(definition: Any) -> None:
    parameters = [{"Name": "Mode", "Type": "String", "DefaultValue": "full"}]
    decision = decides("Decide", "Parameters.Mode", "Equals", "full", [], [])
    alarm = asks("Alarm", DependsOn=[{"Step": "Decide", "Trigger": "Failed"}])
    prepared = prepare(load_pipeline(definition(decision, alarm, Parameters=parameters)), Path("x.json"))

    assert untried(prepared, "Alarm") == [UntriedSteps(("Alarm",), "it runs only if Decide fails")]


def test_a_plan_names_the_steps_that_its_parameters_leave_out(pipeline: Pipeline) -> None:
    assert [one.in_words() for one in unplanned_steps(pipeline, {})] == [
        "Big: Inner is false; try --parameters Number=11",
        "Quick: Outer is true; try --parameters 'Mode=other than full'",
    ], "Open has no value, so nothing is known of Later"
    assert [one.in_words() for one in unplanned_steps(pipeline, {"Mode": "quick", "Open": "yes"})] == [
        "Inner, Small: Outer is false; try --parameters Mode=full",
        "Big: Outer is false; try --parameters Mode=full Number=11",
        "No: Later is true; try --parameters 'Open=other than yes'",
    ]
