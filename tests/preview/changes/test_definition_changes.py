from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import MISSING
from airflow_sm_pipelines.preview.changes.definition_changes import DefinitionChanges, StepChange, definition_changes
from airflow_sm_pipelines.preview.json_changes import JsonChange


def test_a_definition_has_not_changed_from_itself(load: Any, step: Any) -> None:
    steps = (step("A", "Training"), step("B", "Lambda", {"x": {"Get": "Steps.A.TrainingJobName"}}))

    assert not definition_changes(load(*steps), load(*steps))


def test_steps_are_added_removed_and_changed(load: Any, step: Any) -> None:
    old = load(step("A", arguments={"x": 1}), step("B"))
    new = load(step("A", arguments={"x": 2}), step("C", "Training"))

    assert definition_changes(old, new).steps == (
        StepChange("A", "Lambda", "changed", values=(JsonChange(("Arguments", "x"), 1, 2),)),
        StepChange("C", "Training", "added"),
        StepChange("B", "Lambda", "removed"),
    )


def test_a_step_that_says_the_same_under_another_name_is_renamed_and_what_refers_to_it_is_not_changed(
    load: Any, step: Any
) -> None:
    old = load(step("A", "Training"), step("B", arguments={"x": {"Get": "Steps.A.TrainingJobName"}}), step("D"))
    new = load(step("Z", "Training"), step("Y", arguments={"x": {"Get": "Steps.Z.TrainingJobName"}}), step("D"))
    changes = definition_changes(old, new)

    assert changes.renames == {"A": "Z", "B": "Y"}
    assert changes.steps == (
        StepChange("Z", "Training", "renamed", "A"),
        StepChange("Y", "Lambda", "renamed", "B"),
    )


def test_a_step_of_another_name_and_another_content_is_another_step(load: Any, step: Any) -> None:
    changes = definition_changes(load(step("A", arguments={"x": 1})), load(step("B", arguments={"x": 2})))

    assert [(one.name, one.what) for one in changes.steps] == [("B", "added"), ("A", "removed")]


def test_edges_are_told_in_words(load: Any, step: Any) -> None:
    old = load(step("A"), step("B"), step("C", DependsOn=["A"]))
    new = load(step("A"), step("B"), step("C", DependsOn=[{"Step": "B", "Trigger": "Failed"}]))

    (change,) = definition_changes(old, new).steps
    assert change.edges == ("now waits for B (failed)", "no longer waits for A")


def test_a_step_that_moves_into_a_branch_says_so(load: Any, step: Any) -> None:
    def gate(*steps: Any) -> Any:
        return step("G", "Condition", {"Conditions": [], "IfSteps": list(steps), "ElseSteps": []})

    (change,) = definition_changes(load(gate(), step("A")), load(gate(step("A")))).steps
    assert (change.name, change.edges) == (
        "A",
        ("now waits for G (if)", "moved from the top level to the if branch of G"),
    )


def test_policies_are_compared(load: Any, step: Any) -> None:
    policy = {"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 2}
    old = load(step("A", "Training", RetryPolicies=[policy]))
    new = load(step("A", "Training", RetryPolicies=[{**policy, "MaxAttempts": 3}], CacheConfig={"Enabled": True}))

    assert definition_changes(old, new).steps[0].values == (
        JsonChange(("RetryPolicies", 0, "MaxAttempts"), 2, 3),
        JsonChange(("CacheConfig",), MISSING, {"Enabled": True}),
    )


def test_parameters_are_compared_by_name(load: Any, step: Any) -> None:
    old = load(step("A"), Parameters=[{"Name": "N", "Type": "Integer", "DefaultValue": 1}, {"Name": "P"}])
    new = load(step("A"), Parameters=[{"Name": "Q", "Type": "String"}, {"Name": "N", "Type": "Integer"}])

    assert definition_changes(old, new).parameters == (
        JsonChange(("Parameters", "N", "DefaultValue"), 1, MISSING),
        JsonChange(("Parameters", "P"), {"Type": "String"}, MISSING),
        JsonChange(("Parameters", "Q"), MISSING, {"Type": "String"}),
    )


def whole(step: Any, **around: Any) -> DefinitionChanges:
    definition = {"Version": "2020-12-01", "Steps": [step("A")]}
    around_old = {"PipelineName": "p", "RoleArn": "arn:aws:iam::123456789012:role/a"}
    return definition_changes(
        load_pipeline({**around_old, "PipelineDefinition": definition}),
        load_pipeline({**around, "PipelineDefinition": definition} if around else definition),
    )


def test_what_stands_around_the_definitions_is_compared(step: Any) -> None:
    changes = whole(
        step, PipelineName="p", RoleArn="arn:aws:iam::123456789012:role/b", Tags=[{"Key": "k", "Value": "v"}]
    )

    assert changes.pipeline == (
        JsonChange(("RoleArn",), "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"),
        JsonChange(("Tags",), MISSING, {"k": "v"}),
    )
    assert changes.notes == ()


def test_what_only_one_definition_has_around_it_is_not_compared_and_said_so(step: Any) -> None:
    changes = whole(step)

    assert not changes
    assert "not compared" in changes.notes[0]
