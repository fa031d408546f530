from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.models import Branch, CacheConfig, Dependency, RetryPolicy, Trigger
from airflow_sm_pipelines.definition.step_types import TYPES_WITHOUT_PUBLIC_SYNTAX
from airflow_sm_pipelines.errors import InvalidDefinitionError, UnsupportedStepTypeError


def test_members_of_a_step(load, step):
    found = load(
        step("B"),
        step(
            "A",
            "QualityCheck",
            DisplayName="naïve 日本 ✓ {{ x }}",
            Description='two\nlines """',
            SkipCheck={"Get": "Parameters.Skip"},
            SuppliedBaselineStatistics=None,
            CacheConfig={"Enabled": True, "ExpireAfter": "30d"},
            DependsOn=["B"],
        ),
        Parameters=[{"Name": "Skip", "Type": "Boolean"}],
    ).step("A")
    assert found.type == "QualityCheck"
    assert found.path == "Steps[1]"
    assert found.display_name == "naïve 日本 ✓ {{ x }}"
    assert found.description == 'two\nlines """'
    assert found.members == {
        "CheckType": "DATA_QUALITY",
        "SkipCheck": {"Get": "Parameters.Skip"},
        "SuppliedBaselineStatistics": None,
    }
    assert found.cache_config == CacheConfig(True, "30d")
    assert found.depends_on == (Dependency("B", Trigger.COMPLETED),)
    assert [(path, str(reference)) for path, reference in found.references] == [(("SkipCheck",), "Parameters.Skip")]


def test_steps_are_flattened_in_document_order(load, step):
    inner = step("Inner", "Condition", {"IfSteps": [step("C")], "ElseSteps": [step("D")]})
    outer = step("Outer", "Condition", {"IfSteps": [step("A"), inner], "ElseSteps": [step("E")]})
    loop = step("Loop", "ForEach", {"ForEachBody": [step("F")]})
    steps = load(outer, loop, step("Z")).steps
    assert [(found.name, found.path) for found in steps] == [
        ("Outer", "Steps[0]"),
        ("A", "Steps[0].Arguments.IfSteps[0]"),
        ("Inner", "Steps[0].Arguments.IfSteps[1]"),
        ("C", "Steps[0].Arguments.IfSteps[1].Arguments.IfSteps[0]"),
        ("D", "Steps[0].Arguments.IfSteps[1].Arguments.ElseSteps[0]"),
        ("E", "Steps[0].Arguments.ElseSteps[0]"),
        ("Loop", "Steps[1]"),
        ("F", "Steps[1].Arguments.ForEachBody[0]"),
        ("Z", "Steps[2]"),
    ]
    places = {found.name: (found.branch, found.body_of) for found in steps}
    assert places["Inner"] == (Branch("Outer", "if"), None)
    assert places["D"] == (Branch("Inner", "else"), None)
    assert places["F"] == (None, "Loop")
    assert places["Z"] == (None, None)


def test_conditions_may_nest_300_deep(load, step):
    nested = step("C300", "Condition")
    for depth in reversed(range(300)):
        nested = step(f"C{depth}", "Condition", {"IfSteps": [nested]})
    assert len(load(nested).steps) == 301


def test_conditions_nested_too_deep_are_refused(faults, step):
    text = '{"Steps": ' + '[{"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": ' * 5000
    assert "nested too deeply" in faults(source=text + "[]" + "}}]" * 5000 + "}")[""]


def test_the_depth_that_is_refused_does_not_depend_on_the_python(faults):
    # 1,001 levels: from 3.12 on, Python itself reads them.
    text = '{"Steps": ' + "[" * 1000 + "1" + "]" * 1000 + "}"
    assert "nested too deeply" in faults(source=text)[""]


def test_arguments_are_what_the_user_wrote(load, step):
    arguments = {"a": None, "b": [1, 2.0, True], "c": {"Get": "x", "Other": 1}, "d": {"On": "-", "Values": ["p"]}}
    found = load(step("A", arguments=arguments)).step("A")
    assert found.arguments == arguments


def test_a_payload_may_be_absent_or_null(load, step):
    assert load(step("A")).step("A").arguments == {}
    assert load(step("A", Arguments=None)).step("A").arguments == {}


@pytest.mark.parametrize(
    ("members", "path", "message"),
    [
        ({"Name": "a b"}, ".Name", "DisplayName may contain any text"),
        ({"Name": "a.b"}, ".Name", "is not a valid step name"),
        ({"Name": "é"}, ".Name", "is not a valid step name"),
        ({"Name": ""}, ".Name", "is not a valid step name"),
        ({"Name": "x" * 65}, ".Name", "1 to 64"),
        ({"Name": 5}, ".Name", "expected a string"),
        ({"Type": 5}, ".Type", "expected a string"),
        ({"Type": "Lamda"}, ".Type", "did you mean `Lambda`?"),
        ({"DisplayName": "x" * 257}, ".DisplayName", "at most 256 characters"),
        ({"Description": 1}, ".Description", "expected a string"),
        ({"DependsOn": "B"}, ".DependsOn", "expected a list, found the string 'B'"),
        ({"DependsOn": None}, ".DependsOn", "found null"),
        ({"DependsOn": [1]}, ".DependsOn[0]", "expected a dependency"),
        ({"DependsOn": [{"Trigger": "Any"}]}, ".DependsOn[0]", "requires 'Step'"),
        ({"DependsOn": [{"Step": "B", "Trigger": "Finally"}]}, ".DependsOn[0].Trigger", "'Failed', 'Stopped', 'Any'"),
        ({"Arguments": []}, ".Arguments", "expected an object, found an empty list"),
        ({"Arguments": {"Get": "Parameters.P"}}, ".Arguments", "cannot be an expression as a whole"),
        ({"FunctionArn": 1}, ".FunctionArn", "expected a string or an expression"),
        ({"dependsOn": []}, ".dependsOn", "did you mean `DependsOn`?"),
        ({"RetryPolicies": []}, ".RetryPolicies", "a Lambda step has no member 'RetryPolicies'"),
        ({"PropertyFiles": []}, ".PropertyFiles", "a Lambda step has no member 'PropertyFiles'"),
        ({"SkipCheck": True}, ".SkipCheck", "a Lambda step has no member 'SkipCheck'"),
        ({"CacheConfig": {}}, ".CacheConfig", "a CacheConfig requires 'Enabled'"),
        ({"CacheConfig": {"Enabled": "true"}}, ".CacheConfig.Enabled", "expected true or false"),
        ({"CacheConfig": {"Enabled": {"Get": "Parameters.P"}}}, ".CacheConfig.Enabled", "expected true or false"),
    ],
)
def test_faulty_step(faults, step, members, path, message):
    found = faults({**step("A"), **members}, step("B"), Parameters=[{"Name": "P"}])
    assert message in found[f"Steps[0]{path}"]


@pytest.mark.parametrize(
    ("type_", "member"),
    [
        ("Lambda", "FunctionArn"),
        ("Callback", "SqsQueueUrl"),
        ("QualityCheck", "CheckType"),
        ("ClarifyCheck", "CheckType"),
        ("Training", "Arguments"),
        ("Fail", "Arguments"),
    ],
)
def test_required_members(faults, step, type_, member):
    least = step("A", type_)
    least.pop(member, None)
    found = faults(least)
    assert any(f"{type_} step requires '{member}'" in message for message in found.values())


@pytest.mark.parametrize("type_", sorted(TYPES_WITHOUT_PUBLIC_SYNTAX))
def test_type_without_public_syntax_is_named(load, type_):
    with pytest.raises(InvalidDefinitionError) as caught:
        load({"Name": "A", "Type": type_, "Arguments": {}})
    [error] = caught.value.exceptions
    assert isinstance(error, UnsupportedStepTypeError)
    assert error.path == "Steps[0].Type"
    assert error.message.startswith(f"{type_} steps are not supported: the API's metadata mentions them")


def test_a_type_without_public_syntax_in_a_branch_is_refused_too(load):
    hidden = {"Name": "A", "Type": "Athena", "Arguments": {"Query": "SELECT 1"}, "Unknown": 1}
    branch = {"Conditions": [], "IfSteps": [hidden], "ElseSteps": []}
    with pytest.raises(InvalidDefinitionError) as caught:
        load({"Name": "C", "Type": "Condition", "Arguments": branch})
    [error] = caught.value.exceptions
    assert isinstance(error, UnsupportedStepTypeError)
    assert error.path == "Steps[0].Arguments.IfSteps[0].Type"


@pytest.mark.parametrize("age", ["30d", "P30D", "PT1H", "T16m", "30dT5h", "5y", "p30d", "2w", "P1Y2M3W4DT5H6M7S"])
def test_cache_age_is_a_lenient_iso_8601_duration(load, step, age):
    found = load(step("A", CacheConfig={"Enabled": True, "ExpireAfter": age}))
    assert found.step("A").cache_config == CacheConfig(True, age)


@pytest.mark.parametrize("age", ["", "P", "T", "30", "d", "30x", "30dT", "PT", "5 d", "-5d", 30, None, "³d"])
def test_what_is_no_duration_is_refused(faults, step, age):
    found = faults(step("A", CacheConfig={"Enabled": True, "ExpireAfter": age}))
    assert "ISO 8601 duration" in found["Steps[0].CacheConfig.ExpireAfter"]


def test_caching_may_be_on_without_an_age(load, step):
    assert load(step("A", CacheConfig={"Enabled": True})).step("A").cache_config == CacheConfig(True, None)


def test_the_age_of_a_cache_that_is_turned_off_is_ignored(load, faults, step):
    """Developer guide, "Turn off step caching"; the text is that of its example."""
    config = {"Enabled": False, "ExpireAfter": "<time>"}
    assert load(step("A", CacheConfig=config)).step("A").cache_config == CacheConfig(False, "<time>")
    found = faults(step("A", CacheConfig={"Enabled": False, "ExpireAfter": 5}))
    assert "expected a string" in found["Steps[0].CacheConfig.ExpireAfter"]


def test_retry_policies_keep_their_order_and_both_spellings(load, step):
    policies = [
        {"ExceptionType": ["Step.THROTTLING", "SageMaker.CAPACITY_ERROR"], "MaxAttempts": 0, "BackoffRate": 2},
        {"ExceptionType": "SageMaker.RESOURCE_LIMIT", "ExpireAfterMin": 14400.0, "IntervalSeconds": 43200},
        {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"]},
    ]
    assert load(step("A", "Training", RetryPolicies=policies)).step("A").retry_policies == (
        RetryPolicy(("Step.THROTTLING", "SageMaker.CAPACITY_ERROR"), max_attempts=0, backoff_rate=2.0),
        RetryPolicy(("SageMaker.RESOURCE_LIMIT",), expire_after_min=14400, interval_seconds=43200),
        RetryPolicy(("SageMaker.JOB_INTERNAL_ERROR",)),
    )


@pytest.mark.parametrize(
    ("policy", "path", "message"),
    [
        ({}, "", "a retry policy requires 'ExceptionType'"),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": 1, "ExpireAfterMin": 1}, "", "not both"),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": 21}, ".MaxAttempts", "from 0 to 20"),
        ({"ExceptionType": "Step.THROTTLING", "ExpireAfterMin": 14401}, ".ExpireAfterMin", "from 0 to 14400"),
        ({"ExceptionType": "Step.THROTTLING", "IntervalSeconds": 43201}, ".IntervalSeconds", "from 0 to 43200"),
        ({"ExceptionType": "Step.THROTTLING", "IntervalSeconds": -1}, ".IntervalSeconds", "from 0"),
        ({"ExceptionType": "Step.THROTTLING", "BackoffRate": -1}, ".BackoffRate", "of at least 0"),
        ({"ExceptionType": "Step.THROTTLING", "BackoffRate": True}, ".BackoffRate", "expected a number"),
        ({"ExceptionType": "Step.THROTLING"}, ".ExceptionType", "did you mean `Step.THROTTLING`?"),
        ({"ExceptionType": 5}, ".ExceptionType", "found the number 5"),
        ({"ExceptionType": {"a": 1}}, ".ExceptionType", "found an object with 'a'"),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": "3"}, ".MaxAttempts", "found the string '3'"),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": True}, ".MaxAttempts", "found true"),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": 1.5}, ".MaxAttempts", "found the number 1.5"),
        ({"ExceptionType": []}, ".ExceptionType", "expected a list of exception types"),
        ({"ExceptionType": [1]}, ".ExceptionType", "not on the number 1"),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempt": 1}, ".MaxAttempt", "did you mean `MaxAttempts`?"),
    ],
)
def test_faulty_retry_policy(faults, step, policy, path, message):
    found = faults(step("A", "Training", RetryPolicies=[policy]))
    assert list(found) == [f"Steps[0].RetryPolicies[0]{path}"]
    assert message in found[f"Steps[0].RetryPolicies[0]{path}"]


def test_model_steps_retry_on_step_exceptions_only(faults, load, step):
    assert load(step("A", "Model", RetryPolicies=[{"ExceptionType": ["Step.SERVICE_FAULT"]}]))
    found = faults(step("A", "Model", RetryPolicies=[{"ExceptionType": ["SageMaker.CAPACITY_ERROR"]}]))
    assert "a Model step retries on 'Step.SERVICE_FAULT', 'Step.THROTTLING'" in str(found)


def test_a_faulty_step_still_exists_for_the_others(faults, step):
    broken = {"Name": "A", "Type": "Nope", "Arguments": {}}
    assert list(faults(broken, step("B", DependsOn=["A"]))) == ["Steps[0].Type"]


def test_paths_of_entries_after_a_malformed_one_are_right(faults, step):
    assert set(faults(step("A", DependsOn=[1, "Nope"]))) == {"Steps[0].DependsOn[0]", "Steps[0].DependsOn[1]"}


def test_malformed_expressions_are_faults_with_their_paths(faults, step):
    arguments = {"a": [{"Get": "Step.B.x"}, {"Std:Join": {"On": 1, "Values": []}}]}
    found = faults(step("A", arguments=arguments, FunctionArn={"Get": 5}))
    assert set(found) == {
        "Steps[0].Arguments.a[0].Get",
        "Steps[0].Arguments.a[1].Std:Join.On",
        "Steps[0].FunctionArn.Get",
    }


def test_a_dialect_of_lower_case_keys_is_refused_with_the_right_names(faults):
    found = faults({"name": "A", "type": "Processing", "arguments": {}})
    assert found == {"Steps[0]": "a step requires 'Name' | it has `name`\na step requires 'Type' | it has `type`\n"}


def test_a_step_without_a_type_is_one_fault(faults):
    assert faults({"Name": "A", "Arguments": {}}) == {"Steps[0]": "a step requires 'Type' | \n"}
