from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal import choices as rehearsal_choices
from airflow_sm_pipelines.rehearsal.choices import choose_branches
from airflow_sm_pipelines.rehearsal.documents import choose_values
from airflow_sm_pipelines.rehearsal.scope import files_read

FAIL = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
OTHER_FAIL = {**FAIL, "Name": "StopToo"}


def get(output):
    return {"Get": f"Steps.Ask.OutputParameters['{output}']"}


def compare(kind, left, right):
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def condition(name, conditions, if_steps=(), else_steps=(), **members):
    arguments = {"Conditions": conditions, "IfSteps": list(if_steps), "ElseSteps": list(else_steps)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}


@pytest.fixture
def chosen(definition):
    """The outputs of a Lambda step that the search chooses, and its notes."""

    def choose(*steps, values=(), parameters=()):
        kinds = {"number": "Float", "count": "Integer", "text": "String", "sure": "Boolean"}
        declared = [{"OutputName": name, "OutputType": kind} for name, kind in kinds.items()]
        ask = {"Name": "Ask", "Type": "Lambda", "FunctionArn": "f", "OutputParameters": declared}
        pipeline = load_pipeline(definition(ask, *steps, Parameters=list(parameters)))
        files, _, scope = files_read(pipeline, {one["Name"]: one["DefaultValue"] for one in parameters})
        notes = choose_branches(pipeline, scope, files, choose_values(files, values))
        return {path[0]: value for file in files for path, value in file.values.items()}, notes

    return choose


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ([compare("Equals", get("text"), "good")], lambda v: v["text"] == "good"),
        ([compare("Equals", get("sure"), True)], lambda v: v["sure"] is True),
        ([compare("GreaterThan", get("number"), 0.9)], lambda v: v["number"] > 0.9),
        ([compare("LessThan", 10, get("count"))], lambda v: v["count"] > 10 and isinstance(v["count"], int)),
        (
            [compare("GreaterThan", get("number"), 5), compare("LessThan", get("number"), 5.5)],
            lambda v: 5 < v["number"] < 5.5,
        ),
        ([{"Type": "In", "QueryValue": get("text"), "Values": ["a", "b"]}], lambda v: v["text"] in ("a", "b")),
        ([{"Type": "Not", "Condition": compare("Equals", get("count"), 1)}], lambda v: v["count"] != 1),
        (
            [{"Type": "Or", "Conditions": [compare("Equals", get("text"), "x"), compare("Equals", get("count"), 7)]}],
            lambda v: v["text"] == "x" or v["count"] == 7,
        ),
        ([compare("LessThan", get("count"), get("number"))], lambda v: v["count"] < v["number"]),
        ([compare("Equals", get("count"), {"Get": "Parameters.Limit"})], lambda v: v["count"] == 42),
    ],
)
def test_values_are_chosen_with_which_the_conditions_lead_past_a_fail_step(chosen, conditions, holds):
    limit = {"Name": "Limit", "Type": "Integer", "DefaultValue": 42}
    values, notes = chosen(condition("Choose", conditions, else_steps=[FAIL]), parameters=[limit])
    assert notes == []
    assert holds(values)


def test_values_that_lead_past_it_already_are_left_alone(chosen):
    values, _ = chosen(condition("Choose", [compare("LessThan", get("number"), 10)], else_steps=[FAIL]))
    assert values == {"number": 1.0, "count": 1, "text": "rehearsal-text", "sure": False}


def test_a_fail_step_in_the_if_branch_turns_the_choice_round(chosen):
    values, notes = chosen(condition("Choose", [compare("LessThan", get("number"), 10)], if_steps=[FAIL]))
    assert values["number"] >= 10
    assert notes == []


def test_without_a_fail_step_the_if_branch_is_chosen(chosen):
    values, _ = chosen(condition("Choose", [compare("Equals", get("text"), "good")]))
    assert values["text"] == "good"


def test_an_inner_condition_may_ask_for_another_value_than_the_outer_one_tried_first(chosen):
    inner = condition("Inner", [compare("GreaterThan", get("number"), 3)], else_steps=[OTHER_FAIL])
    outer = condition("Outer", [compare("LessThan", get("number"), 5)], if_steps=[inner], else_steps=[FAIL])
    values, notes = chosen(outer)
    assert 3 < values["number"] < 5
    assert notes == []


def test_the_outcome_of_a_condition_can_be_compared(chosen):
    first = condition("First", [compare("Equals", get("sure"), True)])
    second = condition(
        "Second", [compare("Equals", {"Get": "Steps.First.Outcome"}, False)], else_steps=[FAIL], DependsOn=["First"]
    )
    values, notes = chosen(first, second)
    assert values["sure"] is False
    assert notes == []


def test_a_value_that_the_user_has_chosen_stays_and_a_fail_step_that_follows_is_told(chosen):
    step = condition("Choose", [compare("Equals", get("text"), "good")], else_steps=[FAIL])
    values, notes = chosen(step, values=["Ask.OutputParameters.text=bad"])
    assert values["text"] == "bad"
    assert notes == ["no values were found that lead past the Fail step 'Stop'; use --value or --parameters"]


def test_what_only_the_run_knows_is_left_to_it(chosen):
    step = condition("Choose", [compare("Equals", {"Get": "Execution.PipelineName"}, "x")], else_steps=[FAIL])
    values, notes = chosen(step)
    assert values["number"] == 1.0
    assert notes == []


def test_a_search_without_end_is_ended_and_told(chosen, monkeypatch):
    monkeypatch.setattr(rehearsal_choices, "_MOST_EVALUATIONS", 50)
    never = compare("Equals", get("text"), "x")
    others = [compare("Equals", get("number"), number) for number in range(60)]
    counts = [compare("Equals", get("count"), number) for number in range(60)]
    always = {"Type": "Or", "Conditions": [never, {"Type": "Not", "Condition": never}, *others, *counts]}
    _, notes = chosen(condition("Choose", [{"Type": "Not", "Condition": always}], else_steps=[FAIL]))
    assert "too many combinations" in notes[0]


def test_the_default_of_a_parameter_is_changed_only_if_nothing_else_leads_past_a_fail_step(chosen):
    parameters = [
        {"Name": "Forced", "Type": "Boolean", "DefaultValue": False},
        {"Name": "Limit", "Type": "Integer", "DefaultValue": 42},
        {"Name": "Stage", "Type": "String", "DefaultValue": "test", "EnumValues": ["test", "live"]},
    ]
    conditions = [
        compare("Equals", {"Get": "Parameters.Forced"}, True),
        compare("GreaterThan", get("count"), {"Get": "Parameters.Limit"}),
        {"Type": "Not", "Condition": compare("Equals", {"Get": "Parameters.Stage"}, "test")},
        {"Type": "Not", "Condition": compare("Equals", {"Get": "Parameters.Stage"}, "dev")},
    ]
    values, notes = chosen(condition("Choose", conditions, else_steps=[FAIL]), parameters=parameters)
    assert values["count"] > 42
    assert notes == [
        "parameter Forced is true instead of its default false, with which a Fail step is reached",
        'parameter Stage is "live" instead of its default "test", with which a Fail step is reached',
    ]


def test_a_parameter_that_is_compared_with_a_value_of_the_user_keeps_its_default(chosen):
    limit = {"Name": "Limit", "Type": "Float", "DefaultValue": 6.0}
    step = condition(
        "Check", [compare("LessThanOrEqualTo", get("number"), {"Get": "Parameters.Limit"})], else_steps=[FAIL]
    )
    values, notes = chosen(step, values=("Ask.OutputParameters.number=100",), parameters=[limit])
    assert values["number"] == 100
    assert notes == ["no values were found that lead past the Fail step 'Stop'; use --value or --parameters"]
