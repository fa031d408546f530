from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("type_", "arguments", "path", "message"),
    [
        (
            "Transform",
            {"ModelName": "m", "transformInput": {}},
            "",
            "requires 'TransformInput' | it has `transformInput`",
        ),
        ("Training", {"TrainingJobName": "n" * 39}, ".TrainingJobName", "at most 38 characters; 'nnn"),
        ("Tuning", {"HyperParameterTuningJobName": "nightly"}, ".HyperParameterTuningJobName", "'nightly' has 7"),
        ("Endpoint", {}, "", "the Arguments object of an Endpoint step requires 'EndpointConfigName'"),
        ("Training", {}, "", "the Arguments object of a Training step requires 'OutputDataConfig'"),
        ("Fail", {}, "", "requires 'ErrorMessage'"),
        ("Fail", {"ErrorMessage": 1}, ".ErrorMessage", "expected a string or an expression"),
        ("Fail", {"ErrorMessage": "x", "Cause": "y"}, ".Cause", "has no member 'Cause'"),
        ("Condition", {"conditions": []}, ".conditions", "did you mean `Conditions`?"),
        ("Condition", {"Conditions": [{"Type": "Equals"}]}, ".Conditions[0]", "Equals requires"),
        ("Condition", {"Conditions": [], "IfSteps": {}}, ".IfSteps", "expected a list"),
        ("EMR", {"StepConfig": {}}, "", "exactly one of 'ClusterId', 'ClusterConfig'; this one has neither"),
        ("EMR", {"StepConfig": {}, "ClusterId": "j", "ClusterConfig": {}}, "", "this one has both"),
        (
            "EMR",
            {"StepConfig": {}, "ClusterConfig": {}, "ExecutionRoleArn": "arn"},
            ".ExecutionRoleArn",
            "ExecutionRoleArn is for steps on a running cluster; it cannot be combined with ClusterConfig",
        ),
        *(
            (
                "EMR",
                {"StepConfig": {}, "ClusterConfig": {name: {}}},
                f".ClusterConfig.{name}",
                f"{name} is not allowed in the ClusterConfig of an EMR step",
            )
            for name in ("Name", "Steps", "AutoTerminationPolicy")
        ),
        *(
            (
                "EMR",
                {"StepConfig": {}, "ClusterConfig": {"Instances": {name: False}}},
                f".ClusterConfig.Instances.{name}",
                f"{name} is not allowed in the Instances of an EMR step",
            )
            for name in ("KeepJobFlowAliveWhenNoSteps", "TerminationProtected")
        ),
        *(
            (
                "EMR",
                {"StepConfig": {}, "ClusterConfig": {name: value}},
                f".ClusterConfig.{place}",
                f"expected {expected}, found",
            )
            for name, value, place, expected in (
                ("Instances", "x", "Instances", "an object or an expression"),
                ("Instances", [], "Instances", "an object or an expression"),
                ("Tags", 7, "Tags", "a list or an expression"),
                ("Tags", {"a": "b"}, "Tags", "a list or an expression"),
                ("Tags", [{"Key": "a"}, "b"], "Tags[1]", "an object with Key and Value"),
            )
        ),
        ("EMRServerless", {"JobConfig": {}}, "", "exactly one of 'ApplicationId', 'ApplicationConfig'"),
        ("Lineage", {"Actions": {}}, ".Actions", "expected a list"),
        ("Cleanup", {"Resources": {"S3": [{}]}}, ".Resources.S3[0]", "requires 'StepName'"),
        ("Cleanup", {"Resources": {"EFS": []}}, ".Resources.EFS", "has no member 'EFS'"),
        ("Cleanup", {"Resources": {}}, ".Resources", "requires 'S3'"),
        (
            "Cleanup",
            {"Resources": {"S3": [{"StepName": "B", "S3Uris": ["s3://b/x", 1]}]}},
            ".Resources.S3[0].S3Uris[1]",
            "expected an S3 URI or an expression, found the number 1",
        ),
    ],
)
def test_faulty_arguments(faults, type_, arguments, path, message):
    found = faults({"Name": "A", "Type": type_, "Arguments": arguments})
    assert message in found[f"Steps[0].Arguments{path}"]


def test_arguments_of_aws_requests_may_have_any_further_member(load, step):
    assert load(step("A", "Training", {"NewMemberOfTheApi": {"x": [1]}}))


@pytest.mark.parametrize(
    ("outputs", "path", "message"),
    [
        ([{"OutputType": "String"}], "[0]", "requires 'OutputName'"),
        ([{"OutputName": "a", "OutputType": "Number"}], "[0].OutputType", "'Integer'"),
        ([{"OutputName": "a"}, {"OutputName": "a"}], "[1].OutputName", "duplicate output name 'a'"),
        (["a"], "[0]", "expected an output parameter"),
        ({}, "", "expected a list"),
    ],
)
@pytest.mark.parametrize("type_", ["Lambda", "Callback"])
def test_faulty_output_parameters(faults, step, type_, outputs, path, message):
    assert message in faults(step("A", type_, OutputParameters=outputs))[f"Steps[0].OutputParameters{path}"]


def loop(step, body=None, **arguments):
    body = [step("B")] if body is None else body
    return step("L", "ForEach", {"ForEachBody": body, **arguments})


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ({"IterableItems": []}, ".IterableItems", "must have 1 to 100 items"),
        ({"IterableItems": ["x"] * 101}, ".IterableItems", "must have 1 to 100 items"),
        ({"IterableItems": [{"a": 1}]}, ".IterableItems[0]", "as a string that contains its JSON"),
        ({"IterableItems": "abc"}, ".IterableItems", "expected a list or an expression"),
        ({"MaxConcurrency": 0}, ".MaxConcurrency", "from 1 to 50"),
        ({"MaxConcurrency": 51}, ".MaxConcurrency", "from 1 to 50"),
        ({"Selector": {"Pick": "Max", "Field": {"Get": "IterationOutput.B.x"}}}, ".Selector.Pick", "'MaxBy', 'MinBy'"),
        ({"Selector": {"Pick": "MaxBy"}}, ".Selector", "requires 'Field'"),
        ({"Selector": {"Pick": "MaxBy", "Field": "B.x"}}, ".Selector.Field", "IterationOutput.<body step>"),
        ({"Selector": {"Pick": "MaxBy", "Field": {"Get": "Steps.B.x"}}}, ".Selector.Field", "found `Steps.B.x`"),
        (
            {"Selector": {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.B"}}},
            ".Selector.Field",
            "does not name an output",
        ),
        ({"Body": []}, ".Body", "has no member 'Body'"),
    ],
)
def test_faulty_loop(faults, step, arguments, path, message):
    assert message in faults(loop(step, **arguments))[f"Steps[0].Arguments{path}"]


def test_a_loop_body_has_at_least_one_step(faults, step):
    assert "at least one step" in faults(loop(step, body=[]))["Steps[0].Arguments.ForEachBody"]


def test_references_of_nested_steps_are_not_those_of_their_container(load, step):
    inner = step("B", arguments={"x": {"Get": "Parameters.P"}})
    condition = step(
        "C",
        "Condition",
        {
            "Conditions": [{"Type": "Equals", "LeftValue": {"Get": "Parameters.Q"}, "RightValue": "x"}],
            "IfSteps": [inner],
        },
    )
    pipeline = load(condition, Parameters=[{"Name": "P"}, {"Name": "Q"}])
    assert [str(reference) for _, reference in pipeline.step("C").references] == ["Parameters.Q"]
    assert [str(reference) for _, reference in pipeline.step("B").references] == ["Parameters.P"]


def test_a_join_without_its_key_is_data_in_a_payload_only(load, step):
    value = {"On": "-", "Values": [{"Get": "Parameters.P"}, {"more": 1}]}
    assert load(step("A", arguments={"x": value}), Parameters=[{"Name": "P"}]).step("A").arguments == {"x": value}


def test_a_join_without_its_key_is_checked_as_a_join_elsewhere(faults, step):
    value = {"On": "-", "Values": [{"more": 1}]}
    assert "Std:Join takes strings" in faults(step("A", "Training", {"x": value}))["Steps[0].Arguments.x.Values[0]"]


def test_a_malformed_selector_field_is_one_fault(faults, step):
    selector = {"Pick": "MaxBy", "Field": {"Get": "Iteration.B"}}
    assert list(faults(loop(step, Selector=selector))) == ["Steps[0].Arguments.Selector.Field.Get"]
