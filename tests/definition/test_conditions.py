from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.conditions import condition_faults, decide_conditions, evaluate_conditions
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError


class Execution:
    """A scope that notes which parameters were asked for."""

    def __init__(self, outcome=True, **parameters):
        self.parameters = parameters
        self.outcome = outcome
        self.asked = []

    def parameter(self, name):
        self.asked.append(name)
        if name not in self.parameters:
            raise EvaluationError(f"Parameters.{name}", "has no value")
        return self.parameters[name]

    def properties(self, step):
        return {"Outcome": self.outcome}


def compare(kind, left, right):
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def get(text):
    return {"Get": text}


TRUE = compare("Equals", 1, 1)
FALSE = compare("Equals", 1, 2)
UNDEFINED = compare("Equals", get("Parameters.Undefined"), 1)
OUTCOME = get("Steps.Gate.Outcome")


def in_words(*conditions, **parameters):
    return [decided.in_words() for decided in decide_conditions(conditions, Execution(**parameters))]


@pytest.mark.parametrize(
    ("kind", "left", "right", "holds"),
    [
        ("Equals", "a", "a", True),
        ("Equals", "a", "A", False),
        ("Equals", 3, 3.0, True),
        ("Equals", True, True, True),
        ("Equals", None, None, True),
        ("GreaterThan", 2, 1, True),
        ("GreaterThan", 1, 1, False),
        ("GreaterThan", 1.5, 1, True),
        ("GreaterThan", "1", "3", False),
        ("GreaterThan", "10", "9", False),
        ("GreaterThanOrEqualTo", 1, 1, True),
        ("GreaterThanOrEqualTo", 0, 1, False),
        ("LessThan", 0.1, 1, True),
        ("LessThan", 1, 1, False),
        ("LessThan", "2021-01-01T00:00:00Z", "2022", True),
        ("LessThanOrEqualTo", 6, 6.0, True),
        ("LessThanOrEqualTo", 7, 6.0, False),
    ],
)
def test_comparisons(kind, left, right, holds):
    assert evaluate_conditions([compare(kind, left, right)], Execution()) is holds


@pytest.mark.parametrize(("left", "right"), [(1, "1"), (True, 1), (0, False), (True, "true"), ([1], "a")])
@pytest.mark.parametrize("kind", ["Equals", "GreaterThan", "LessThanOrEqualTo"])
def test_comparing_different_types_fails(kind, left, right):
    parameters = Execution(L=left, R=right)
    with pytest.raises(IncomparableError, match=kind):
        evaluate_conditions([compare(kind, get("Parameters.L"), get("Parameters.R"))], parameters)


@pytest.mark.parametrize(("left", "right"), [(None, 0), ("a", None)])
def test_comparing_with_a_literal_null_fails(left, right):
    with pytest.raises(IncomparableError):
        evaluate_conditions([compare("Equals", left, right)], Execution())


def test_the_message_says_both_values_and_types():
    with pytest.raises(IncomparableError) as caught:
        evaluate_conditions([compare("Equals", 3, "3")], Execution())
    assert str(caught.value) == (
        "Conditions[0]: Equals requires values of the same type, not a number (the number 3) and a string (the string"
        " '3')"
    )


def test_the_message_says_which_condition_it_is_about():
    either = {"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("LessThan", True, False)]}
    with pytest.raises(IncomparableError) as caught:
        evaluate_conditions([compare("Equals", 1, 1), {"Type": "Not", "Condition": either}], Execution())
    assert caught.value.path == "Conditions[1].Condition.Conditions[1]"


def test_an_operand_without_a_value_is_named_by_its_place():
    missing = {"Get": "Parameters.Missing"}
    condition = {"Type": "In", "QueryValue": 1, "Values": [1, {"Std:Join": {"On": "", "Values": [missing]}}]}
    with pytest.raises(EvaluationError) as caught:
        evaluate_conditions([condition], Execution())
    assert caught.value.path == "Conditions[0].Values[1]"


@pytest.mark.parametrize(("left", "right"), [(True, False), (None, None)])
def test_ordering_values_without_an_order_fails(left, right):
    with pytest.raises(IncomparableError, match="GreaterThan requires numbers or strings"):
        evaluate_conditions([compare("GreaterThan", left, right)], Execution())


@pytest.mark.parametrize(
    ("query", "values", "holds"),
    [
        ("prod", ["staging", "prod"], True),
        ("dev", ["staging", "prod"], False),
        (10, [1, 10.0], True),
        (1, [True], False),
        ("1", [1], False),
        ("a", [], False),
        ("prod", [get("Parameters.Env")], True),
    ],
)
def test_in_is_plain_membership(query, values, holds):
    condition = {"Type": "In", "QueryValue": query, "Values": values}
    assert evaluate_conditions([condition], Execution(Env="prod")) is holds


def test_not_or_and_nesting():
    scope = Execution()
    assert evaluate_conditions([{"Type": "Not", "Condition": FALSE}], scope)
    assert evaluate_conditions([{"Type": "Or", "Conditions": [FALSE, TRUE]}], scope)
    assert not evaluate_conditions([{"Type": "Or", "Conditions": []}], scope)
    nested = {"Type": "Not", "Condition": {"Type": "Or", "Conditions": [FALSE, {"Type": "Not", "Condition": TRUE}]}}
    assert evaluate_conditions([nested], scope)


def test_the_list_is_a_conjunction_and_the_empty_list_is_true():
    assert evaluate_conditions([TRUE, TRUE], Execution())
    assert not evaluate_conditions([TRUE, FALSE], Execution())
    assert evaluate_conditions([], Execution())


def test_comparing_stops_at_the_condition_that_decides():
    incomparable = compare("Equals", 1, "1")
    assert not evaluate_conditions([FALSE, incomparable], Execution())
    assert evaluate_conditions([{"Type": "Or", "Conditions": [TRUE, incomparable]}], Execution())
    with pytest.raises(IncomparableError):
        evaluate_conditions([TRUE, incomparable], Execution())


@pytest.mark.parametrize(
    "conditions",
    [
        [FALSE, UNDEFINED],
        [{"Type": "Or", "Conditions": [TRUE, UNDEFINED]}],
        [FALSE, {"Type": "Not", "Condition": UNDEFINED}],
        [{"Type": "In", "QueryValue": 1, "Values": [1, get("Parameters.Undefined")]}],
    ],
)
def test_an_operand_without_a_value_fails_the_step_wherever_it_stands(conditions):
    with pytest.raises(EvaluationError):
        evaluate_conditions(conditions, Execution())


def test_a_value_of_a_join_is_a_string():
    joined = {"Std:Join": {"On": "", "Values": [get("Parameters.N")]}}
    assert evaluate_conditions([compare("Equals", joined, "3")], Execution(N=3))
    with pytest.raises(IncomparableError):
        evaluate_conditions([compare("Equals", joined, 3)], Execution(N=3))


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_an_outcome_compares_with_true_as_text(text):
    assert evaluate_conditions([compare("Equals", OUTCOME, text)], Execution(outcome=True))
    assert evaluate_conditions([compare("Equals", text, OUTCOME)], Execution(outcome=True))
    assert not evaluate_conditions([compare("Equals", OUTCOME, text)], Execution(outcome=False))
    assert evaluate_conditions([{"Type": "In", "QueryValue": OUTCOME, "Values": [text]}], Execution(outcome=True))


def test_an_outcome_compares_with_a_boolean():
    assert evaluate_conditions([compare("Equals", OUTCOME, True)], Execution(outcome=True))


def test_only_an_outcome_is_lenient():
    with pytest.raises(IncomparableError):
        evaluate_conditions([compare("Equals", get("Parameters.Flag"), "true")], Execution(Flag=True))
    with pytest.raises(IncomparableError):
        evaluate_conditions([compare("Equals", OUTCOME, "yes")], Execution())


@pytest.mark.parametrize(
    ("conditions", "path", "message"),
    [
        ("x", (), "expected a list of conditions, found the string 'x'"),
        ([1], (0,), "expected a condition, found the number 1"),
        ([[TRUE]], (0,), "expected a condition, found a list of 1"),
        ([{"Type": "Or", "Conditions": [[]]}], (0, "Conditions", 0), "expected a condition, found an empty list"),
        ([{"LeftValue": 1, "RightValue": 1}], (0,), "Type is missing"),
        ([{"Type": 1}], (0,), "Type is the number 1"),
        ([compare("ConditionEquals", 1, 1)], (0, "Type"), "did you mean `Equals`?"),
        ([compare("NotEquals", 1, 1)], (0, "Type"), '"Type": "Not"'),
        ([{"Type": "NotIn", "QueryValue": 1, "Values": []}], (0, "Type"), '"Type": "In"'),
        ([{"Type": "Equals", "LeftValue": 1}], (0,), "Equals requires 'RightValue'"),
        ([{**TRUE, "leftValue": 1}], (0, "leftValue"), "did you mean `LeftValue`?"),
        ([{"Type": "In", "QueryValue": 1, "Values": get("Parameters.L")}], (0, "Values"), "expected a list"),
        ([{"Type": "In", "QueryValue": 1, "Values": [[1]]}], (0, "Values", 0), "found a list of 1"),
        ([{"Type": "Not", "Condition": [TRUE]}], (0, "Condition"), "expected one condition"),
        ([{"Type": "Or", "Conditions": TRUE}], (0, "Conditions"), "expected a list"),
        ([{"Type": "Or", "Conditions": [TRUE, {"Type": "Not"}]}], (0, "Conditions", 1), "Not requires 'Condition'"),
        ([compare("Equals", {"a": 1}, 1)], (0, "LeftValue"), "found an object with 'a'"),
    ],
)
def test_faults_of_form(conditions, path, message):
    [(where, *texts)] = condition_faults(conditions)
    assert where == path
    assert message in " ".join(texts)


def test_every_fault_is_found():
    conditions = [1, {"Type": "Not", "Condition": {"Type": "Equals"}}, compare("Equal", 1, 2)]
    assert [path for path, *_ in condition_faults(conditions)] == [
        (0,),
        (1, "Condition"),
        (1, "Condition"),
        (2, "Type"),
    ]


def test_null_is_a_value():
    assert not list(condition_faults([compare("Equals", None, get("Parameters.P"))]))


def test_deep_nesting_is_no_recursion():
    condition = TRUE
    for _ in range(5000):
        condition = {"Type": "Not", "Condition": condition}
    assert not list(condition_faults([condition]))


def test_a_decided_condition_says_each_operand_with_its_value():
    mse = compare("LessThanOrEqualTo", get("Parameters.Mse"), get("Parameters.MaxMse"))

    assert in_words(mse, Mse=3417.3, MaxMse=4000) == ["Mse 3417.3 <= MaxMse 4000: true"]
    assert in_words(mse, Mse=4000.5, MaxMse=4000) == ["Mse 4000.5 <= MaxMse 4000: false"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (compare("Equals", get("Parameters.Mode"), "full"), 'Mode "quick" = "full": false'),
        (compare("GreaterThan", 2, get("Parameters.Mse")), "2 > Mse 1.5: true"),
        (compare("Equals", OUTCOME, True), "Gate.Outcome true = true: true"),
        (
            {"Type": "In", "QueryValue": get("Parameters.Mode"), "Values": ["full", get("Parameters.Mode")]},
            'Mode "quick" in ["full", Mode "quick"]: true',
        ),
        (
            {"Type": "Not", "Condition": {"Type": "Or", "Conditions": [TRUE, compare("LessThan", 1, 0)]}},
            "not (1 = 1 or 1 < 0): false",
        ),
        (
            compare("Equals", {"Std:Join": {"On": "-", "Values": ["a", get("Parameters.Mode")]}}, "a-quick"),
            '"a-quick" = "a-quick": true',
        ),
    ],
)
def test_a_nested_condition_in_words(condition, words):
    assert in_words(condition, Mode="quick", Mse=1.5) == [words]


def test_a_value_of_a_property_file_is_named_by_its_step_and_file():
    class Files(Execution):
        def property_file(self, step, name):
            return {"mse": {"value": 4}}

    read = {"Std:JsonGet": {"PropertyFile": get("Steps.Eval.PropertyFiles.Report"), "Path": "mse.value"}}
    [decided] = decide_conditions([compare("LessThan", read, 6)], Files())

    assert decided.in_words() == "Eval.Report.mse.value 4 < 6: true"


def test_what_was_not_compared_says_so():
    assert in_words(TRUE, FALSE, TRUE) == ["1 = 1: true", "1 = 2: false", "1 = 1: not compared"]
